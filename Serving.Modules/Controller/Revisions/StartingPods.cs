using Serving.Api.Conditions;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Kubernetes.Client;

namespace Serving.Controller.Revisions;

/// <summary>
/// Finds out why pods whose status has no reason do not start: a volume that cannot be mounted is reported by events only, and a program
/// that listens on no port is recognized by elapsed time only. Checks at doubling intervals, so that a pod that starts normally costs at
/// most one request.
/// </summary>
internal static class StartingPods
{
    /// <summary>A pod younger than this is starting normally.</summary>
    private static readonly TimeSpan FirstLook = TimeSpan.FromSeconds(2);

    /// <summary>Most programs listen within this time.</summary>
    private static readonly TimeSpan ListensWithin = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan LongestInterval = TimeSpan.FromSeconds(30);

    private const int MostEvents = 100;

    /// <summary>An event repeated this often is not transient.</summary>
    private const int OftenEnough = 3;

    /// <summary>The status with the result, and when to check again; null when no pod is starting.</summary>
    public static async Task<(RevisionStatus Status, TimeSpan? Again)> LookAsync(
        RevisionStatus status,
        Revision revision,
        IEnumerable<Pod> pods,
        IKubernetesClient client,
        DateTimeOffset now,
        CancellationToken cancellation
    )
    {
        foreach (var pod in pods)
        {
            if (PodProblems.IsStarting(pod))
            {
                var age = now - (pod.Status!.StartTime ?? pod.Metadata.CreationTimestamp ?? now);
                if (age >= FirstLook && await FindAsync(pod, client, cancellation) is { } trouble)
                {
                    status = status.MarkResourcesAvailableFalse(trouble.Reason, trouble.Message, now);
                }

                return (status, Next(age));
            }

            if (PodProblems.RunningUnready(pod) is { } since)
            {
                var age = now - since;
                if (ConditionSet.IsTrue(status.Conditions, RevisionLifecycle.ContainerHealthy))
                {
                    // It has served before: a pod that is not ready now may be busy.
                    return (status, null);
                }

                return age >= ListensWithin
                    ? (status.MarkContainerNotReady(Words(revision), now), LongestInterval)
                    : (status, ListensWithin - age);
            }
        }

        return (status, null);
    }

    /// <summary>Whether events with this reason explain why a pod does not start.</summary>
    public static bool IsReported(string reason) =>
        reason is "FailedMount" or "FailedAttachVolume" or "FailedMapVolume" or "FailedCreatePodSandBox";

    private static TimeSpan Next(TimeSpan age) =>
        age < FirstLook ? FirstLook - age
        : age < LongestInterval ? age
        : LongestInterval;

    /// <summary>The newest event that explains why the pod's volumes or network cannot be set up, or null.</summary>
    private static async Task<Event?> FindAsync(Pod pod, IKubernetesClient client, CancellationToken cancellation)
    {
        IReadOnlyList<Event> events;
        try
        {
            var selector = $"involvedObject.kind=Pod,involvedObject.name={pod.Metadata.Name}";
            events = (
                await client.ListAsync(
                    Serving.Api.Resources.Events,
                    pod.Metadata.Namespace,
                    new ListOptions(FieldSelector: selector, Limit: MostEvents),
                    cancellation
                )
            ).Items;
        }
        catch (KubernetesException refused) when (refused.IsRefusal)
        {
            // The role of an earlier installation may lack this permission: the progress deadline reports the failure then.
            return null;
        }

        return events
            .Where(one => one.InvolvedObject?.Uid is not { Length: > 0 } uid || uid == pod.Metadata.Uid)
            .Where(static one => IsReported(one.Reason) && IsLasting(one))
            .MaxBy(static one => one.LastTimestamp ?? one.Metadata.CreationTimestamp);
    }

    /// <summary>A kubelet may not know the Secrets of a new pod yet, and reports that once.</summary>
    private static bool IsLasting(Event one) =>
        one.Count >= OftenEnough
        || (
            one.Message.Contains("not found", StringComparison.Ordinal) && !one.Message.Contains("not registered", StringComparison.Ordinal)
        );

    private static string Words(Revision revision)
    {
        var port = revision.Spec.UserPort();
        var seconds = (int)ListensWithin.TotalSeconds;
        var probe = revision
            .Spec.Containers.Select(static container => container.ReadinessProbe)
            .FirstOrDefault(static probe => probe is not null);
        return probe switch
        {
            { HttpGet: { } http } =>
                $"The container runs for more than {seconds} s, but its readiness probe, GET {(http.Path.Length > 0 ? http.Path : "/")} at port {port}, does not succeed.",
            { Exec: not null } => $"The container runs for more than {seconds} s, but the command of its readiness probe does not succeed.",
            { Grpc: not null } =>
                $"The container runs for more than {seconds} s, but its readiness probe, gRPC at port {port}, does not succeed.",
            _ =>
                $"The container runs for more than {seconds} s, but nothing listens at port {port}: the program must listen at the port in the variable PORT, on all addresses.",
        };
    }
}
