using Serving.Api.Autoscaling;
using Serving.Api.Core;
using Serving.Autoscaler.Reconcilers;

namespace Serving.Autoscaler.Reserve;

/// <summary>The pods that a revision keeps while it is idle, within one reconcile. Pods are those of the cache until a resize returns a
/// newer version.</summary>
internal sealed class RevisionReserve
{
    private readonly List<Pod> _pods;

    /// <param name="settings">The revision's settings.</param>
    /// <param name="plan">What parking changes in its pods.</param>
    /// <param name="target">The part of the plan that the cluster permits.</param>
    /// <param name="scalesToZero">Whether the cluster scales to zero.</param>
    /// <param name="pods">Its pods, without terminating and completed ones.</param>
    public RevisionReserve(AutoscalerSettings settings, ReservePlan plan, ReservePlan target, bool scalesToZero, IEnumerable<Pod> pods)
    {
        Settings = settings.Reserve;
        Plan = plan;
        Target = target;
        _pods = [.. pods];
        Off = ReserveOff.Of(settings, target, scalesToZero);
        Keeps =
            Off is not null ? 0
            : settings.MaxScale > 0 ? Math.Min(Settings.Scale, settings.MaxScale)
            : Settings.Scale;
        ParksAfter = Settings.After is { } after && after > settings.StableWindow ? after : settings.StableWindow;
        Retention = ParksAfter - settings.StableWindow;
    }

    public ReserveSettings Settings { get; }

    /// <summary>What parking changes; what a pod gets back when it wakes.</summary>
    public ReservePlan Plan { get; }

    /// <summary>What parking changes here: less than the plan where the cluster forbids part of it.</summary>
    public ReservePlan Target { get; }

    /// <summary>Why no pod is kept; null when pods are.</summary>
    public ReserveOff? Off { get; }

    /// <summary>The number of pods that an idle revision keeps; also the least while it serves requests, because otherwise pods would start
    /// only to be parked.</summary>
    public int Keeps { get; }

    /// <summary>The time without requests after which pods are parked.</summary>
    public TimeSpan ParksAfter { get; }

    /// <summary>How much longer than the stable window that is.</summary>
    public TimeSpan Retention { get; }

    /// <summary>The pods.</summary>
    public IReadOnlyList<Pod> Pods => _pods;

    /// <summary>The number of parked pods.</summary>
    public int Parked => _pods.Count(pod => PodSize.IsParked(pod, Target));

    /// <summary>Whether there are pods and all are parked. They are not scraped then: all their requests come through activators.</summary>
    public bool IsAllParked => _pods.Count > 0 && _pods.TrueForAll(pod => PodSize.IsParked(pod, Target));

    /// <summary>Whether this pass found the revision idle and its pods kept.</summary>
    public bool IsKept { get; set; }

    /// <summary>The reason of the condition Active while there is no traffic.</summary>
    public string Idle =>
        !IsKept ? PodAutoscalerLifecycle.NoTraffic
        : IsAllParked ? PodAutoscalerLifecycle.Parked
        : PodAutoscalerLifecycle.Kept;

    /// <summary>Why the server refused to wake a pod in this pass; null when it did not.</summary>
    public string? Refused { get; set; }

    /// <summary>Continues with the version that a resize returned.</summary>
    public void Replace(Pod newer)
    {
        var index = _pods.FindIndex(pod => pod.Metadata.Uid == newer.Metadata.Uid);
        if (index >= 0)
            _pods[index] = newer;
    }

    /// <summary>Continues without a pod that does not exist any more.</summary>
    public void Remove(Pod gone) => _pods.RemoveAll(pod => pod.Metadata.Uid == gone.Metadata.Uid);
}
