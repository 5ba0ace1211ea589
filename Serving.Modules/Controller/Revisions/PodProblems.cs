using Serving.Api.Conditions;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;

namespace Serving.Controller.Revisions;

/// <summary>Finds out from pods why a Revision has no ready pod. Pure.</summary>
internal static class PodProblems
{
    /// <summary>Marks the problem of the first pod that has one; otherwise the status is unchanged.</summary>
    public static RevisionStatus Apply(
        RevisionStatus status,
        IEnumerable<Pod> pods,
        bool deadlineExceeded,
        DeploymentConfig config,
        DateTimeOffset now
    )
    {
        foreach (var pod in pods)
        {
            var result = status;
            if (
                !config.PodIsAlwaysSchedulable
                && ConditionSet.Get(pod.Status?.Conditions ?? [], "PodScheduled") is { Status: ConditionStatus.False } unscheduled
            )
            {
                result = result.MarkResourcesAvailableFalse(unscheduled.Reason, unscheduled.Message, now);
            }

            result = OfContainers(result, pod, deadlineExceeded, now);
            if (!ReferenceEquals(result, status))
            {
                return result;
            }

            if (pod.Status is { Phase: "Failed", Reason.Length: > 0 } failed)
            {
                // The node rejected or evicted the whole pod.
                return result.MarkResourcesAvailableFalse(failed.Reason, failed.Message, now);
            }
        }

        return status;
    }

    /// <summary>Whether the cause is known from the pod's events only: no container has started, and none has a reason.</summary>
    public static bool IsStarting(Pod pod) =>
        pod.Status is { Phase: "Pending" } status
        && ConditionSet.IsTrue(status.Conditions, "PodScheduled")
        && status.ContainerStatuses.All(static container =>
            container.State is null or { Waiting.Reason: "ContainerCreating" or "PodInitializing" }
        )
        && status.InitContainerStatuses.All(static container => container.State is null or { Waiting.Reason: "PodInitializing" });

    /// <summary>Since when all containers of the pod have been running although the pod is not ready; null otherwise.</summary>
    public static DateTimeOffset? RunningUnready(Pod pod) =>
        pod.Status is { ContainerStatuses: { Count: > 0 } containers } status
        && !ConditionSet.IsTrue(status.Conditions, "Ready")
        && containers.All(static container => container is { State.Running.StartedAt: not null, LastState: null or { Terminated: null } })
            ? containers.Max(static container => container.State!.Running!.StartedAt)
            : null;

    private static RevisionStatus OfContainers(RevisionStatus status, Pod pod, bool deadlineExceeded, DateTimeOffset now)
    {
        var init =
            pod.Status?.InitContainerStatuses.Where(static container => !HasSucceeded(container))
                .Select(static container => (container, true))
            ?? [];
        var containers = pod.Status?.ContainerStatuses.Select(static container => (container, false)) ?? [];
        foreach (var (container, isInit) in init.Concat(containers))
        {
            if (container.Name == ContainerNames.QueueProxy)
            {
                continue;
            }

            if ((container.LastState?.Terminated ?? container.State?.Terminated) is { } end)
            {
                var words = Terminations.Describe(end);
                return isInit
                    ? status.MarkInitContainerExiting(container.Name, end.ExitCode, words, now)
                    : status.MarkContainerExiting(end.ExitCode, words, now);
            }

            if (container.State?.Waiting is { } waiting && (deadlineExceeded || IsFinal(waiting.Reason)))
            {
                return status.MarkResourcesAvailableFalse(
                    waiting.Reason,
                    waiting.Message.Length > 0 ? waiting.Message : WordsOf(waiting.Reason, container),
                    now
                );
            }
        }

        return status;
    }

    /// <summary>An init container that succeeded is not a problem, even if earlier attempts failed.</summary>
    private static bool HasSucceeded(ContainerStatus container) => container.State?.Terminated is { ExitCode: 0 };

    /// <summary>
    /// Whether the reason is reported before the progress deadline, so that users see it early. The pods are retried until the deadline,
    /// for example during a registry outage or until a Secret is created, and a Revision in use keeps its scale.
    /// </summary>
    public static bool IsEarly(string reason) => IsFinal(reason) || StartingPods.IsReported(reason);

    /// <summary>Whether waiting does not resolve this reason; startup resolves by itself.</summary>
    private static bool IsFinal(string reason) =>
        reason
            is "ErrImagePull"
                or "ImagePullBackOff"
                or "InvalidImageName"
                or "ErrImageNeverPull"
                or "ImageInspectError"
                or "RunContainerError"
        || reason.StartsWith("CreateContainer", StringComparison.Ordinal);

    /// <summary>The message for a kubelet that reports only the reason.</summary>
    private static string WordsOf(string reason, ContainerStatus container) =>
        reason switch
        {
            "InvalidImageName" => $"\"{container.Image}\" is no valid name of an image.",
            "ErrImageNeverPull" => $"Image \"{container.Image}\" is not on the node, and its pull policy is Never.",
            "ErrImagePull" or "ImagePullBackOff" => $"Image \"{container.Image}\" cannot be pulled.",
            "ImageInspectError" => $"Image \"{container.Image}\" cannot be read.",
            _ => $"Container \"{container.Name}\" cannot be started.",
        };
}
