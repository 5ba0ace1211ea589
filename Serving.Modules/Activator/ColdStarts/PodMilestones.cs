using Serving.Api.Core;

namespace Serving.Activator.ColdStarts;

/// <summary>What one pod reached since a cold start began. Invariant: the first observation of each milestone counts.</summary>
/// <param name="uid">The pod's uid.</param>
/// <param name="arrived">When the request arrived, by the wall clock.</param>
internal sealed class PodMilestones(string uid, DateTimeOffset arrived)
{
    /// <summary>Kubernetes cuts times to seconds.</summary>
    private static readonly TimeSpan WholeSeconds = TimeSpan.FromSeconds(1);

    public string Uid => uid;

    /// <summary>Its address; empty until it has one.</summary>
    public string Ip { get; private set; } = "";

    /// <summary>It was bound to a node.</summary>
    public ObservedMoment? Scheduled { get; private set; }

    /// <summary>The first of its containers started, init containers included.</summary>
    public ObservedMoment? FirstStarted { get; private set; }

    /// <summary>All of its containers have started.</summary>
    public ObservedMoment? AllStarted { get; private set; }

    /// <summary>Whether nothing more is to be learnt from its status.</summary>
    public bool IsComplete => Scheduled is not null && AllStarted is not null;

    /// <summary>Applies a state of the pod, observed at <paramref name="now"/> since the arrival.</summary>
    public void Observe(Pod pod, TimeSpan now)
    {
        if (pod.Status is not { } status)
            return;
        if (status.PodIP.Length > 0)
            Ip = status.PodIP;
        if (status.Conditions.FirstOrDefault(static one => one is { Type: "PodScheduled", Status: "True" }) is { } scheduled)
            Scheduled ??= At(now, scheduled.LastTransitionTime);

        var first = status.InitContainerStatuses.Concat(status.ContainerStatuses).Min(StartOf);
        if (first is not null)
            FirstStarted ??= At(now, first);
        var started = status.ContainerStatuses;
        if (started.Count > 0 && started.Count >= (pod.Spec?.Containers.Count ?? 0) && started.All(static one => StartOf(one) is not null))
            AllStarted ??= At(now, started.Max(StartOf));
    }

    private static DateTimeOffset? StartOf(ContainerStatus container) =>
        container.LastState?.Terminated?.StartedAt ?? container.State?.Running?.StartedAt ?? container.State?.Terminated?.StartedAt;

    private ObservedMoment At(TimeSpan seen, DateTimeOffset? reported) =>
        new(seen, reported - arrived, reported?.Ticks % TimeSpan.TicksPerSecond == 0 ? WholeSeconds : TimeSpan.Zero);
}
