using Serving.Api.Conditions;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Controller.Revisions.Resources;

namespace Serving.Controller.Revisions;

/// <summary>Reads from pods why a Revision that should have some has none that serves. Pure.</summary>
internal static class PodProblems
{
    /// <summary>Marks what the first telling pod says; without one the status stays as it is.</summary>
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
                // The node gave the pod up as a whole: evicted, or not admitted.
                return result.MarkResourcesAvailableFalse(failed.Reason, failed.Message, now);
            }
        }

        return status;
    }

    /// <summary>Whether the pod waits for something that only its events tell: no container has started, and none says why.</summary>
    public static bool IsStarting(Pod pod) =>
        pod.Status is { Phase: "Pending" } status
        && ConditionSet.IsTrue(status.Conditions, "PodScheduled")
        && status.ContainerStatuses.All(static container =>
            container.State is null or { Waiting.Reason: "ContainerCreating" or "PodInitializing" }
        )
        && status.InitContainerStatuses.All(static container => container.State is null or { Waiting.Reason: "PodInitializing" });

    /// <summary>Since when every container of the pod runs though the pod is not ready; null when that is not so.</summary>
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
            if (container.Name == ChildNames.QueueContainer)
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

    /// <summary>An init container that ended well is no problem, whatever its attempts before.</summary>
    private static bool HasSucceeded(ContainerStatus container) => container.State?.Terminated is { ExitCode: 0 };

    /// <summary>
    /// Whether the reason is one that is reported before the progress deadline, so that people see it. The pods are tried on until then, as
    /// in an outage of a registry or until a Secret is made, and a Revision that is in use is kept at its scale.
    /// </summary>
    public static bool IsEarly(string reason) => IsFinal(reason) || StartingPods.IsReported(reason);

    /// <summary>Whether waiting for this reason does not end by itself; starting up does.</summary>
    private static bool IsFinal(string reason) =>
        reason
            is "ErrImagePull"
                or "ImagePullBackOff"
                or "InvalidImageName"
                or "ErrImageNeverPull"
                or "ImageInspectError"
                or "RunContainerError"
        || reason.StartsWith("CreateContainer", StringComparison.Ordinal);

    /// <summary>For a kubelet that gives the reason only.</summary>
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
