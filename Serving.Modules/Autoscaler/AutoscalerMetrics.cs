using System.Diagnostics.Metrics;
using Serving.Api.WellKnown;
using Serving.Autoscaler.Scaling;
using Serving.Instruments;
using Serving.Kubernetes;

namespace Serving.Autoscaler;

/// <summary>The scaling metrics of each revision, under the names used by Knative's dashboards.</summary>
internal sealed class AutoscalerMetrics : IDisposable
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "Serving.Autoscaler.Revisions";

    private readonly Meter _meter = new(new MeterOptions(MeterName) { Scope = RevisionSeries.Observed });
    private readonly Func<IEnumerable<AutoscalerShard>> _shards;

    /// <param name="shards">The shards of this process; those that do not lead emit no series.</param>
    public AutoscalerMetrics(Func<IEnumerable<AutoscalerShard>> shards)
    {
        _shards = shards;
        Scaling("kn.revision.pods.desired", "{item}", "Number of pods the autoscaler wants to allocate", null, s => s.DesiredPods);
        Scaling(
            "kn.revision.capacity.excess",
            "{concurrency}",
            "Excess burst capacity observed over the stable window",
            null,
            s => s.ExcessBurstCapacity
        );
        Scaling("kn.revision.panic.mode", "{mode}", "If greater than 0 the autoscaler is in panic mode", null, s => s.IsPanicking ? 1 : 0);
        foreach (
            var (metric, unit, what) in new[]
            {
                (AutoscalingKeys.RpsMetric, "{request}/s", "requests-per-second"),
                (AutoscalingKeys.ConcurrencyMetric, "{concurrency}", "request count"),
            }
        )
        {
            Scaling(
                $"kn.revision.{metric}.stable",
                unit,
                $"Average of {what} per observed pod over the stable window",
                metric,
                s => s.Stable
            );
            Scaling($"kn.revision.{metric}.panic", unit, $"Average of {what} per observed pod over the panic window", metric, s => s.Panic);
            Scaling($"kn.revision.{metric}.target", unit, "The desired concurrent requests for each pod", metric, s => s.Target);
        }

        _meter.CreateObservableGauge(
            "serving.autoscaler.revisions",
            () => _shards().Sum(static shard => (long)shard.Deciders.Count),
            "{revision}",
            "Revisions whose scale this process decides"
        );
        Pods("kn.revision.pods.requested", "Number of pods autoscaler requested from Kubernetes", r => r.Requested);
        Pods("kn.revision.pods.count", "Number of pods that are allocated currently", r => r.Counts.Ready);
        Pods("kn.revision.pods.not_ready.count", "Number of pods that are not ready currently", r => r.Counts.NotReady);
        Pods("kn.revision.pods.pending.count", "Number of pods that are pending currently", r => r.Counts.Pending);
        Pods("kn.revision.pods.terminating.count", "Number of pods that are terminating currently", r => r.Counts.Terminating);
        Pods(
            "serving.autoscaler.pods.parked",
            "Number of pods that are parked: resized to the reserve while the revision is idle",
            r => r.Counts.Parked
        );
        Pods(
            "serving.autoscaler.pods.finishing",
            "Number of pods that take no more requests and still serve some; only of revisions with max-requests-per-pod",
            r => r.Counts.Finishing
        );
    }

    public void Dispose() => _meter.Dispose();

    /// <summary>A gauge over the deciders that scale by <paramref name="metric"/>, or over all of them.</summary>
    private void Scaling(string name, string unit, string description, string? metric, Func<ScalingSample, double> value) =>
        _meter
            .CreateObservableGauge(
                name,
                () =>
                    _shards()
                        .SelectMany(shard =>
                            shard
                                .Deciders.Samples.Where(s => metric is null || s.Sample.Metric == metric)
                                .Select(s => new Measurement<double>(value(s.Sample), Tags(s.Key, shard.Board.Find(s.Key))))
                        ),
                unit,
                description
            )
            .With(RevisionNames.All);

    /// <summary>A gauge over the revisions for which the value is known.</summary>
    private void Pods(string name, string description, Func<PodCountBoard.Row, long?> value) =>
        _meter
            .CreateObservableGauge(
                name,
                () =>
                    _shards()
                        .SelectMany(shard => shard.Board.Rows)
                        .Select(row => (Value: value(row), row.Tags))
                        .Where(static row => row.Value is not null)
                        .Select(static row => new Measurement<long>(row.Value!.Value, row.Tags)),
                "{pod}",
                description
            )
            .With(RevisionNames.All);

    /// <summary>A revision that was decided for before its first reconcile has no row yet.</summary>
    private static KeyValuePair<string, object?>[] Tags(ObjectKey key, PodCountBoard.Row? row) =>
        row?.Tags ?? RevisionNames.Of(key.Namespace, key.Name, "", "");
}
