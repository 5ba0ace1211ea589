using Serving.Api.Core;
using Serving.LocalCluster.Node.Resizing;

namespace Serving.LocalCluster.Node.Pods;

/// <summary>The state of a pod on the node, from which its status is derived.</summary>
/// <param name="Init">The init containers, in order.</param>
/// <param name="Main">The containers, in order.</param>
/// <param name="Address">The pod's address; empty before it has one.</param>
/// <param name="StartTime">When the node started it.</param>
/// <param name="Terminating">Whether it is being stopped: then it is not ready, regardless of its containers.</param>
/// <param name="Failure">Why the whole pod has failed, such as <c>DeadlineExceeded</c>.</param>
internal sealed record PodObservation(
    IReadOnlyList<ContainerStatus> Init,
    IReadOnlyList<ContainerStatus> Main,
    string Address,
    DateTimeOffset StartTime,
    bool Terminating,
    PodFailure? Failure
)
{
    /// <summary>What the node did about the resources of the pod.</summary>
    public ResizeObservation Resize { get; init; } = new();
}

/// <summary>The failure of a whole pod.</summary>
internal sealed record PodFailure(string Reason, string Message);

/// <summary>Makes the status of a pod as a kubelet reports it. Pure.</summary>
internal static class PodStatusMaker
{
    private const string ResizePending = "PodResizePending";
    private const string ResizeInProgress = "PodResizeInProgress";

    /// <summary>The status; conditions keep their transition time from <paramref name="previous"/> while their status is the
    /// same.</summary>
    public static PodStatus Make(Pod pod, PodObservation seen, IReadOnlyList<Condition> previous, DateTimeOffset now)
    {
        var spec = pod.Spec!;
        var phase = seen.Failure is null ? Phase(spec, seen) : "Failed";
        var initialized = NotInitialized(spec, seen) is not { Count: > 0 } waiting
            ? True("Initialized")
            : False("Initialized", "ContainersNotInitialized", $"containers with incomplete status: [{string.Join(' ', waiting)}]");
        var (ready, containersReady) = Readiness(spec, seen, phase);
        Condition[] conditions =
        [
            seen.Address.Length > 0 && phase is not ("Succeeded" or "Failed")
                ? True("PodReadyToStartContainers")
                : False("PodReadyToStartContainers", "", ""),
            initialized,
            ready,
            containersReady,
            True("PodScheduled"),
            .. Resizing(seen.Resize),
        ];
        return new PodStatus
        {
            Phase = phase,
            Reason = seen.Failure?.Reason ?? "",
            Message = seen.Failure?.Message ?? "",
            HostIP = NodeStatus.Address,
            PodIP = seen.Address,
            StartTime = seen.StartTime,
            Conditions = [.. conditions.Select(c => WithTime(c, previous, now))],
            InitContainerStatuses =
            [
                .. seen.Init.Zip(
                    spec.InitContainers,
                    (s, c) => IsSidecar(c) ? Shown(s, seen.Terminating) : s with { Ready = s.State?.Terminated is { ExitCode: 0 } }
                ),
            ],
            ContainerStatuses = [.. seen.Main.Select(s => Shown(s, seen.Terminating))],
        };
    }

    /// <summary>Guaranteed, Burstable or BestEffort, by the requests and limits of the containers.</summary>
    public static string QosClass(PodSpec spec)
    {
        var containers = spec.Containers.Concat(spec.InitContainers).ToList();
        string[] resources = ["cpu", "memory"];
        if (containers.TrueForAll(c => resources.All(r => !Has(c.Resources?.Requests, r) && !Has(c.Resources?.Limits, r))))
        {
            return "BestEffort";
        }

        // Requests default to the limits.
        return containers.TrueForAll(c =>
            resources.All(r =>
                Has(c.Resources?.Limits, r)
                && (
                    !Has(c.Resources?.Requests, r)
                    || ResourceAmount.Of(c.Resources!.Requests![r]) == ResourceAmount.Of(c.Resources.Limits![r])
                )
            )
        )
            ? "Guaranteed"
            : "Burstable";
    }

    /// <summary>Whether an init container is a sidecar, which keeps running beside the others.</summary>
    public static bool IsSidecar(Container container) => container.RestartPolicy == "Always";

    /// <summary>The generation of the pod that a condition is about.</summary>
    public static long? GenerationOf(string condition, ResizeObservation resize) =>
        condition switch
        {
            ResizePending => resize.Pending?.Generation,
            ResizeInProgress => resize.InProgress?.Generation,
            _ => resize.Generation,
        };

    private static IEnumerable<Condition> Resizing(ResizeObservation resize)
    {
        if (resize.Pending is { } pending)
        {
            yield return True(ResizePending) with
            {
                Reason = pending.Reason,
                Message = pending.Message,
            };
        }

        if (resize.InProgress is { } progress)
        {
            yield return True(ResizeInProgress) with
            {
                Reason = progress.Reason,
                Message = progress.Message,
            };
        }
    }

    private static bool Has(IReadOnlyDictionary<string, Quantity>? resources, string name) =>
        resources?.TryGetValue(name, out var quantity) == true && ResourceAmount.Of(quantity) != 0;

    private static string Phase(PodSpec spec, PodObservation seen)
    {
        if (
            spec.RestartPolicy == "Never"
            && seen.Init.Zip(spec.InitContainers).Any(p => !IsSidecar(p.Second) && p.First.State?.Terminated is { ExitCode: not 0 })
        )
        {
            return "Failed";
        }

        if (NotInitialized(spec, seen).Count > 0 || seen.Main.Any(s => s.State is { Waiting: not null } && s.LastState is null))
        {
            return "Pending";
        }

        if (seen.Main.Any(s => s.State?.Running is not null) || spec.RestartPolicy is "Always" or "")
        {
            return "Running";
        }

        if (seen.Main.Any(s => s.State?.Terminated is null))
        {
            return "Running";
        }

        if (seen.Main.All(s => s.State!.Terminated!.ExitCode == 0))
        {
            return "Succeeded";
        }

        return spec.RestartPolicy == "Never" ? "Failed" : "Running";
    }

    private static List<string> NotInitialized(PodSpec spec, PodObservation seen) =>
        [
            .. seen
                .Init.Zip(spec.InitContainers)
                .Where(p =>
                    IsSidecar(p.Second) ? p.First.Started != true && !Ended(seen) : p.First.State?.Terminated is not { ExitCode: 0 }
                )
                .Select(p => p.First.Name),
        ];

    private static bool Ended(PodObservation seen) => seen.Main.All(s => s.State?.Terminated is not null);

    private static (Condition Ready, Condition Containers) Readiness(PodSpec spec, PodObservation seen, string phase)
    {
        if (phase == "Succeeded")
        {
            return (False("Ready", "PodCompleted", ""), False("ContainersReady", "PodCompleted", ""));
        }

        if (phase == "Failed")
        {
            return (False("Ready", "PodFailed", ""), False("ContainersReady", "PodFailed", ""));
        }

        var unready = seen
            .Init.Zip(spec.InitContainers)
            .Where(p => IsSidecar(p.Second))
            .Select(p => p.First)
            .Concat(seen.Main)
            .Where(s => seen.Terminating || !s.Ready)
            .Select(s => s.Name)
            .ToList();
        if (unready.Count == 0)
        {
            return (True("Ready"), True("ContainersReady"));
        }

        var message = $"containers with unready status: [{string.Join(' ', unready)}]";
        return (False("Ready", "ContainersNotReady", message), False("ContainersReady", "ContainersNotReady", message));
    }

    private static ContainerStatus Shown(ContainerStatus status, bool terminating) => status with { Ready = status.Ready && !terminating };

    private static Condition True(string type) => new() { Type = type, Status = "True" };

    private static Condition False(string type, string reason, string message) =>
        new()
        {
            Type = type,
            Status = "False",
            Reason = reason,
            Message = message,
        };

    private static Condition WithTime(Condition condition, IReadOnlyList<Condition> previous, DateTimeOffset now) =>
        condition with
        {
            LastTransitionTime =
                previous.FirstOrDefault(p => p.Type == condition.Type && p.Status == condition.Status)?.LastTransitionTime ?? now,
        };
}
