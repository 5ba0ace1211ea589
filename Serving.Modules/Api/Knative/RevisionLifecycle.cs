using Serving.Api.Autoscaling;
using Serving.Api.Conditions;
using Serving.Api.Core;

namespace Serving.Api.Knative;

/// <summary>The conditions of a Revision. <c>Active</c> is informational: a Revision at zero pods is ready.</summary>
public static class RevisionLifecycle
{
    public const string Ready = "Ready";
    public const string ResourcesAvailable = "ResourcesAvailable";
    public const string ContainerHealthy = "ContainerHealthy";
    public const string Active = "Active";

    /// <summary>The image cannot be resolved or pulled.</summary>
    public const string ContainerMissing = "ContainerMissing";

    /// <summary>Image digests are being resolved.</summary>
    public const string ResolvingDigests = "ResolvingDigests";

    /// <summary>The Deployment is progressing.</summary>
    public const string Deploying = "Deploying";

    /// <summary>A child with that name exists that we do not own.</summary>
    public const string NotOwned = "NotOwned";

    /// <summary>The progress deadline was exceeded.</summary>
    public const string ProgressDeadlineExceeded = "ProgressDeadlineExceeded";

    /// <summary>The containers are running but not ready.</summary>
    public const string ContainerNotReady = "ContainerNotReady";

    private const string ScaleTargetInitialized = "ScaleTargetInitialized";

    private static readonly ConditionSet DeploymentConditions = new("Ready", "Progressing", "ReplicaSetReady");

    /// <summary>The conditions of a Revision.</summary>
    public static ConditionSet Conditions { get; } = new(Ready, ResourcesAvailable, ContainerHealthy);

    /// <summary>Whether the status is of the newest generation and Ready is True.</summary>
    public static bool IsReady(this Revision revision) =>
        revision.Status.ObservedGeneration == revision.Metadata.Generation && Conditions.IsHappy(revision.Status.Conditions);

    public static RevisionStatus MarkActiveTrue(this RevisionStatus status, DateTimeOffset now) => status.True(Active, now);

    public static RevisionStatus MarkActiveFalse(this RevisionStatus status, string reason, string message, DateTimeOffset now) =>
        status.False(Active, reason, message, now);

    public static RevisionStatus MarkActiveUnknown(this RevisionStatus status, string reason, string message, DateTimeOffset now) =>
        status.Unknown(Active, reason, message, now);

    public static RevisionStatus MarkContainerHealthyTrue(this RevisionStatus status, DateTimeOffset now) =>
        status.True(ContainerHealthy, now);

    public static RevisionStatus MarkContainerHealthyFalse(this RevisionStatus status, string reason, string message, DateTimeOffset now) =>
        status.False(ContainerHealthy, reason, message, now);

    public static RevisionStatus MarkContainerHealthyUnknown(
        this RevisionStatus status,
        string reason,
        string message,
        DateTimeOffset now
    ) => status.Unknown(ContainerHealthy, reason, message, now);

    public static RevisionStatus MarkResourcesAvailableTrue(this RevisionStatus status, DateTimeOffset now) =>
        status.True(ResourcesAvailable, now);

    public static RevisionStatus MarkResourcesAvailableFalse(
        this RevisionStatus status,
        string reason,
        string message,
        DateTimeOffset now
    ) => status.False(ResourcesAvailable, reason, message, now);

    public static RevisionStatus MarkResourcesAvailableUnknown(
        this RevisionStatus status,
        string reason,
        string message,
        DateTimeOffset now
    ) => status.Unknown(ResourcesAvailable, reason, message, now);

    /// <summary>A child of that kind and name exists that we do not own.</summary>
    public static RevisionStatus MarkResourceNotOwned(
        this RevisionStatus status,
        string kind,
        string name,
        DateTimeOffset now,
        string holder = ""
    ) =>
        status.MarkResourcesAvailableFalse(
            NotOwned,
            $"There is an existing {kind} \"{name}\" that we do not own.{ConditionSet.Detail(holder)}",
            now
        );

    /// <summary>A user container exited with this code and termination message.</summary>
    public static RevisionStatus MarkContainerExiting(this RevisionStatus status, int exitCode, string message, DateTimeOffset now)
    {
        var words = exitCode == 0 && message.Length == 0 ? "container exited with no error" : message;
        return status.MarkContainerHealthyFalse($"ExitCode{exitCode}", $"Container failed with: {words}", now);
    }

    /// <summary>An init container exited with this code and termination message.</summary>
    public static RevisionStatus MarkInitContainerExiting(
        this RevisionStatus status,
        string name,
        int exitCode,
        string message,
        DateTimeOffset now
    ) => status.MarkContainerHealthyFalse($"ExitCode{exitCode}", $"Init container \"{name}\" failed with: {message}", now);

    /// <summary>The containers are running but not ready for requests: this may pass, so it is not a failure.</summary>
    public static RevisionStatus MarkContainerNotReady(this RevisionStatus status, string message, DateTimeOffset now) =>
        status.MarkContainerHealthyUnknown(ContainerNotReady, message, now);

    /// <summary>Copies the progress of the Deployment.</summary>
    public static RevisionStatus PropagateDeployment(this RevisionStatus status, DeploymentStatus? deployment, DateTimeOffset now)
    {
        var ready = ConditionSet.Get(Transform(deployment, now), DeploymentConditions.Happy)!;
        return ready.Status switch
        {
            ConditionStatus.True => status.MarkResourcesAvailableTrue(now),
            ConditionStatus.False => status.MarkResourcesAvailableFalse(ready.Reason, ready.Message, now),
            _ => status.MarkResourcesAvailableUnknown(ready.Reason, ready.Message, now),
        };
    }

    /// <summary>Copies scale and activity. What the Deployment has marked unavailable stays so.</summary>
    public static RevisionStatus PropagateAutoscaler(this RevisionStatus status, PodAutoscalerStatus autoscaler, DateTimeOffset now)
    {
        var unavailable =
            ConditionSet.IsFalse(status.Conditions, ResourcesAvailable) || ConditionSet.IsFalse(status.Conditions, ContainerHealthy);
        var result = status with
        {
            ActualReplicas = NotNegative(autoscaler.ActualScale),
            DesiredReplicas = NotNegative(autoscaler.DesiredScale),
        };
        if (ConditionSet.Get(autoscaler.Conditions, "Ready") is not { } ready)
        {
            result = result.MarkActiveUnknown(Deploying, "", now);
            return unavailable ? result : result.MarkResourcesAvailableUnknown(Deploying, "", now);
        }

        var initialized = ConditionSet.IsTrue(autoscaler.Conditions, ScaleTargetInitialized);
        if (initialized && !unavailable)
        {
            result = result.MarkResourcesAvailableTrue(now).MarkContainerHealthyTrue(now);
        }

        if (ConditionSet.IsTrue(result.Conditions, ResourcesAvailable) && (autoscaler.ServiceName.Length == 0 || !initialized))
        {
            result = result.MarkResourcesAvailableUnknown(Deploying, "", now);
        }

        switch (ready.Status)
        {
            case ConditionStatus.True:
                return result.MarkActiveTrue(now);
            case ConditionStatus.False when ready.Reason is NotOwned or "FailedCreate":
                // Requests cannot reach its pods: it is not merely idle.
                return (unavailable ? result : result.MarkResourcesAvailableFalse(ready.Reason, ready.Message, now)).MarkActiveFalse(
                    ready.Reason,
                    ready.Message,
                    now
                );
            case ConditionStatus.False:
                // At zero pods without having reached the initial scale: it did not start within its deadline.
                if (!initialized && !unavailable && autoscaler.ServiceName.Length > 0)
                {
                    result = result.MarkResourcesAvailableFalse(
                        ProgressDeadlineExceeded,
                        "Initial scale was never achieved" + ConditionSet.Detail(NotReadyYet(result), ": "),
                        now
                    );
                }

                return result.MarkActiveFalse(ready.Reason, ready.Message, now);
            default:
                return result.MarkActiveUnknown(ready.Reason, ready.Message, now);
        }
    }

    private static IReadOnlyList<Condition> Transform(DeploymentStatus? deployment, DateTimeOffset now)
    {
        var conditions = DeploymentConditions.Initialize([], now);
        conditions = DeploymentConditions.MarkTrue(conditions, "ReplicaSetReady", now);
        conditions = DeploymentConditions.MarkUnknown(conditions, "Progressing", Deploying, "", now);
        if (ConditionSet.Get(deployment?.Conditions ?? [], "Progressing") is { } progressing)
        {
            conditions = progressing.Status switch
            {
                ConditionStatus.True => DeploymentConditions.MarkTrue(conditions, "Progressing", now),
                ConditionStatus.False => DeploymentConditions.MarkFalse(
                    conditions,
                    "Progressing",
                    progressing.Reason,
                    progressing.Message,
                    now
                ),
                _ => DeploymentConditions.MarkUnknown(conditions, "Progressing", progressing.Reason, progressing.Message, now),
            };
        }

        if (ConditionSet.Get(deployment?.Conditions ?? [], "ReplicaFailure") is { } failure)
        {
            conditions = failure.Status switch
            {
                ConditionStatus.True => DeploymentConditions.MarkFalse(conditions, "ReplicaSetReady", failure.Reason, failure.Message, now),
                ConditionStatus.False => DeploymentConditions.MarkTrue(conditions, "ReplicaSetReady", now),
                _ => DeploymentConditions.MarkUnknown(conditions, "ReplicaSetReady", failure.Reason, failure.Message, now),
            };
        }

        return conditions;
    }

    /// <summary>What the Revision is waiting for, or empty.</summary>
    public static string NotReadyYet(this RevisionStatus status) =>
        ConditionSet.Get(status.Conditions, ContainerHealthy) is { Status: ConditionStatus.Unknown, Reason: ContainerNotReady } waiting
            ? waiting.Message
            : "";

    private static int? NotNegative(int? value) => value >= 0 ? value : null;

    private static RevisionStatus True(this RevisionStatus status, string type, DateTimeOffset now) =>
        status with
        {
            Conditions = Conditions.MarkTrue(status.Conditions, type, now),
        };

    private static RevisionStatus False(this RevisionStatus status, string type, string reason, string message, DateTimeOffset now) =>
        status with
        {
            Conditions = Conditions.MarkFalse(status.Conditions, type, reason, message, now),
        };

    private static RevisionStatus Unknown(this RevisionStatus status, string type, string reason, string message, DateTimeOffset now) =>
        status with
        {
            Conditions = Conditions.MarkUnknown(status.Conditions, type, reason, message, now),
        };
}
