using Serving.Activator.Statistics;
using Serving.Autoscaler;
using Serving.Autoscaler.Statistics;
using Serving.Dataplane.Statistics;

namespace Serving.Host.Composition;

/// <summary>Delivers the activator's stats to the autoscaler shard that owns the revision: in this process when it leads the shard,
/// otherwise to the leader.</summary>
internal sealed class LeaderStatSink(AutoscalerModule? autoscaler, StatForwarder forwarder) : IRequestStatSink
{
    public event Action<ScaleFromZero> ScaledFromZero
    {
        add
        {
            forwarder.ScaledFromZero += value;
            if (autoscaler is not null)
                autoscaler.ScaledFromZero += value;
        }
        remove
        {
            forwarder.ScaledFromZero -= value;
            if (autoscaler is not null)
                autoscaler.ScaledFromZero -= value;
        }
    }

    public string? NotReadyReason => forwarder.UnreachableReason;

    public void Report(string ns, string revision, in Stat stat)
    {
        if (autoscaler is null || !autoscaler.TryReport(ns, revision, stat))
        {
            forwarder.Report(ns, revision, stat);
        }
    }
}
