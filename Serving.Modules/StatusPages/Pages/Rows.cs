using Serving.Api.Autoscaling;
using Serving.Api.Conditions;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Informers;
using Serving.StatusPages.Models;

namespace Serving.StatusPages.Pages;

/// <summary>Turns cached objects into rows. Pure.</summary>
internal static class Rows
{
    private const string Happy = "Ready";

    /// <summary>The state, the word for it, the reason and the message of an object, by its condition <c>Ready</c>.</summary>
    public static (StateKind State, string Status, string Reason, string Message) StateOf(KnativeStatus status) =>
        ConditionSet.Get(status.Conditions, Happy) switch
        {
            { Status: ConditionStatus.True } => (StateKind.Ready, "Ready", "", ""),
            null => (StateKind.Waiting, "Starting", "", "no condition has been reported yet"),
            { Status: ConditionStatus.False } failed when CauseOf(status, failed) is var cause => (
                StateKind.Failing,
                "Not ready",
                cause.Reason,
                cause.Message
            ),
            var waiting => (StateKind.Waiting, "Starting", waiting.Reason, waiting.Message),
        };

    /// <summary>Reason and message as one text.</summary>
    public static string Why(string reason, string message) =>
        reason.Length == 0 ? message
        : message.Length == 0 ? reason
        : $"{reason}: {message}";

    /// <summary>The conditions of an object, the happy one first.</summary>
    public static ConditionGroup GroupOf(string kind, IReadOnlyList<Condition> conditions) =>
        new(
            kind,
            [
                .. conditions
                    .OrderBy(static condition => condition.Type == Happy ? 0 : 1)
                    .ThenBy(static condition => condition.Type, StringComparer.Ordinal)
                    .Select(static condition => new ConditionRow(
                        condition.Type,
                        KindOf(condition),
                        condition.Status,
                        condition.Reason,
                        condition.Message,
                        condition.LastTransitionTime
                    )),
            ]
        );

    /// <summary>A traffic target.</summary>
    public static TrafficRow TrafficOf(TrafficTarget target) =>
        new(target.RevisionName, target.Percent, target.Tag, target.Url, target.LatestRevision == true);

    /// <summary>A revision.</summary>
    /// <param name="revision">The revision.</param>
    /// <param name="autoscaler">Its PodAutoscaler; null while unknown.</param>
    /// <param name="service">Its Service; null for none.</param>
    /// <param name="pods">Its pods.</param>
    public static RevisionRow RevisionOf(Revision revision, PodAutoscaler? autoscaler, Service? service, IReadOnlyList<Pod> pods)
    {
        var (state, status, reason, message) = StateOf(revision.Status);
        var targets = service?.Status.Traffic.Where(target => target.RevisionName == revision.Metadata.Name).ToList();
        return new RevisionRow(
            revision.Metadata.Name,
            state,
            status,
            Why(reason, message),
            revision.Metadata.Labels.GetValueOrDefault(ServingKeys.ConfigurationGeneration, ""),
            targets is { Count: > 0 } ? targets.Sum(static target => target.Percent ?? 0) : null,
            pods.Count(PodState.IsServing),
            autoscaler?.Status.DesiredScale is { } wanted and >= 0 ? wanted : null,
            revision.Metadata.CreationTimestamp
        );
    }

    /// <summary>A pod.</summary>
    public static PodRow PodOf(Pod pod)
    {
        var status = pod.Status ?? new PodStatus();
        var (state, word) = pod switch
        {
            { Metadata.DeletionTimestamp: not null } => (StateKind.Idle, "Terminating"),
            _ when PodState.IsReady(pod) => (StateKind.Ready, "Ready"),
            _ when status.Phase == "Failed" || IsFailing(status) => (StateKind.Failing, status.Phase == "Failed" ? "Failed" : "Failing"),
            _ when status.Phase == "Succeeded" => (StateKind.Idle, "Completed"),
            _ => (StateKind.Waiting, status.Phase.Length == 0 ? "Pending" : status.Phase),
        };
        return new PodRow(
            pod.Metadata.Name,
            pod.Metadata.Labels.GetValueOrDefault(ServingKeys.Revision, ""),
            state,
            word,
            state is StateKind.Ready or StateKind.Idle ? "" : WhyNot(status),
            status.ContainerStatuses.Count(static container => container.Ready),
            status.ContainerStatuses.Count,
            status.ContainerStatuses.Sum(static container => container.RestartCount),
            status.PodIP,
            pod.Metadata.CreationTimestamp
        );
    }

    /// <summary>The pods of a namespace with a label; none when pods are not cached.</summary>
    public static IReadOnlyList<Pod> PodsOf(ILister<Pod>? pods, string ns, string label, string value) =>
        pods?.ByLabel(ns, label, value) ?? [];

    /// <summary>The rows of pods, by revision and age, at most <see cref="ServicePage.MostListed"/>.</summary>
    public static IReadOnlyList<PodRow> Listed(IReadOnlyList<Pod> pods) =>
        [
            .. pods.Select(PodOf)
                .OrderBy(static pod => pod.Revision, StringComparer.Ordinal)
                .ThenBy(static pod => pod.Created)
                .ThenBy(static pod => pod.Name, StringComparer.Ordinal)
                .Take(ServicePage.MostListed),
        ];

    /// <summary>A Route without a ready revision fails because its Configuration does, but <c>Ready</c> may quote the Route.</summary>
    private static Condition CauseOf(KnativeStatus status, Condition failed) =>
        ConditionSet.Get(status.Conditions, ServiceLifecycle.ConfigurationsReady)
            is { Status: ConditionStatus.False, Message.Length: > 0 } cause
            ? cause
            : failed;

    /// <summary>A condition with a severity is informational: False does not mean that something is wrong.</summary>
    private static StateKind KindOf(Condition condition) =>
        (condition.Status, condition.Severity) switch
        {
            (ConditionStatus.True, _) => StateKind.Ready,
            (ConditionStatus.False, "") => StateKind.Failing,
            (_, "") => StateKind.Waiting,
            _ => StateKind.Idle,
        };

    private static bool IsFailing(PodStatus status) =>
        status.ContainerStatuses.Any(static container =>
            container.State?.Waiting?.Reason is "CrashLoopBackOff" or "ImagePullBackOff" or "ErrImagePull" or "CreateContainerConfigError"
        );

    private static string WhyNot(PodStatus status)
    {
        foreach (var container in status.InitContainerStatuses.Concat(status.ContainerStatuses))
        {
            if (container.State?.Waiting is { Reason.Length: > 0 } waiting)
            {
                return $"{container.Name}: {Why(waiting.Reason, waiting.Message)}";
            }

            if (container.State?.Terminated is { ExitCode: not 0 } ended)
            {
                return $"{container.Name}: exit code {ended.ExitCode}{(ended.Message.Length > 0 ? ", " + ended.Message : "")}";
            }
        }

        var condition = status.Conditions.FirstOrDefault(static condition =>
            condition.Status != ConditionStatus.True && (condition.Reason.Length > 0 || condition.Message.Length > 0)
        );
        return condition is null ? Why(status.Reason, status.Message) : Why(condition.Reason, condition.Message);
    }
}
