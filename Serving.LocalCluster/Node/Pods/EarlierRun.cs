using Serving.Api.Core;
using Serving.LocalCluster.Node.Processes;

namespace Serving.LocalCluster.Node.Pods;

/// <summary>What is left of a container that an earlier run of the node had started: its processes ended with that. Pure.</summary>
internal static class EarlierRun
{
    /// <summary>The status of a container before its first process.</summary>
    /// <param name="container">The container.</param>
    /// <param name="previous">Its status from before this node started; null for a new container.</param>
    /// <param name="restartPolicy"><c>Always</c>, <c>OnFailure</c> or <c>Never</c>.</param>
    /// <param name="hasInit">Whether the pod has init containers.</param>
    /// <param name="now">When the node found out that a running process had ended.</param>
    public static ContainerStatus InitialStatus(
        Container container,
        ContainerStatus? previous,
        string restartPolicy,
        bool hasInit,
        DateTimeOffset now
    )
    {
        var waiting = new ContainerState
        {
            Waiting = new ContainerStateWaiting { Reason = hasInit ? "PodInitializing" : "ContainerCreating" },
        };
        var status = new ContainerStatus
        {
            Name = container.Name,
            Image = container.Image,
            State = waiting,
            Started = false,
        };
        if (previous is null || previous.ContainerID.Length == 0)
        {
            return status;
        }

        var last = Ended(previous, now);
        var exitCode = last?.Terminated?.ExitCode ?? 0;
        return restartPolicy == "Never" || (restartPolicy == "OnFailure" && exitCode == 0 && previous.State?.Terminated is not null)
            ? previous with
            {
                State = last,
                Ready = false,
                Started = false,
            }
            : status with
            {
                RestartCount = previous.RestartCount + 1,
                LastState = last,
            };
    }

    // A running process ended together with the previous node.
    private static ContainerState? Ended(ContainerStatus previous, DateTimeOffset now) =>
        previous.State switch
        {
            { Terminated: not null } state => state,
            { Running: { } running } => new ContainerState
            {
                Terminated = new ContainerStateTerminated
                {
                    ExitCode = 128 + Native.SigKill,
                    Reason = "ContainerStatusUnknown",
                    Message = "The container could not be located when the pod was found",
                    StartedAt = running.StartedAt,
                    FinishedAt = now,
                    ContainerID = previous.ContainerID,
                },
            },
            _ => previous.LastState,
        };
}
