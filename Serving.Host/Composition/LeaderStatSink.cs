using Serving.Activator.Statistics;
using Serving.Autoscaler;
using Serving.Autoscaler.Statistics;
using Serving.Dataplane.Statistics;

namespace Serving.Host.Composition;

/// <summary>Takes the activator's measurements to the part of the autoscaler that decides: in this process while it leads, else where it
/// does.</summary>
internal sealed class LeaderStatSink(AutoscalerModule? autoscaler, StatForwarder forwarder) : IRequestStatSink
{
    public string? NotReadyReason => forwarder.UnreachableReason;

    public void Report(string ns, string revision, in Stat stat)
    {
        if (autoscaler is null || !autoscaler.TryReport(ns, revision, stat))
        {
            forwarder.Report(ns, revision, stat);
        }
    }
}
