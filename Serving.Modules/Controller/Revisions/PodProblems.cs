using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Controller.Revisions.Resources;

namespace Serving.Controller.Revisions;

/// <summary>Reads from pods why a Revision that should have some has none that serves.</summary>
internal static class PodProblems
{
    /// <summary>Marks what the first telling pod says; without one the status stays as it is.</summary>
    public static RevisionStatus Apply(
        RevisionStatus status, IEnumerable<Pod> pods, bool deadlineExceeded, DeploymentConfig config, DateTimeOffset now)
    {
        foreach (var pod in pods)
        {
            var result = status;
            if (!config.PodIsAlwaysSchedulable
                && ConditionSet.Get(pod.Status?.Conditions ?? [], "PodScheduled") is { Status: ConditionStatus.False } unscheduled)
            {
                result = result.MarkResourcesAvailableFalse(unscheduled.Reason, unscheduled.Message, now);
            }

            foreach (var container in Containers(pod))
            {
                if ((container.LastState?.Terminated ?? container.State?.Terminated) is { } end)
                {
                    result = result.MarkContainerExiting(end.ExitCode, end.Message, now);
                    break;
                }

                if (container.State?.Waiting is { } waiting && (deadlineExceeded || IsFinal(waiting.Reason)))
                {
                    result = result.MarkResourcesAvailableFalse(waiting.Reason, waiting.Message, now);
                    break;
                }
            }

            if (!ReferenceEquals(result, status))
            {
                return result;
            }
        }

        return status;
    }

    private static IEnumerable<ContainerStatus> Containers(Pod pod)
    {
        // An init container that ended well is no problem.
        var init = pod.Status?.InitContainerStatuses.Where(container => (container.LastState?.Terminated ?? container.State?.Terminated)?.ExitCode != 0) ?? [];
        var containers = pod.Status?.ContainerStatuses ?? [];
        return init.Concat(containers).Where(container => container.Name != ChildNames.QueueContainer);
    }

    /// <summary>Whether waiting for this reason does not end by itself; starting up does.</summary>
    private static bool IsFinal(string reason)
        => reason is "ErrImagePull" or "ImagePullBackOff" || reason.StartsWith("CreateContainer", StringComparison.Ordinal);
}
