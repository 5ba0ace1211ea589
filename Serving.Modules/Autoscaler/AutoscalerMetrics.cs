using System.Diagnostics.Metrics;
using Serving.Api.WellKnown;
using Serving.Autoscaler.Scaling;
using Serving.Kubernetes;

namespace Serving.Autoscaler;

/// <summary>The scaling metrics of each revision, under the names used by Knative's dashboards.</summary>
internal sealed class AutoscalerMetrics : IDisposable
{
    private readonly Meter _meter = new("Serving.Autoscaler.Revisions");
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
        Scaling("kn.revision.panic.mode", null, "If greater than 0 the autoscaler is in panic mode", null, s => s.IsPanicking ? 1 : 0);
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

        Pods("kn.revision.pods.requested", "Number of pods autoscaler requested from Kubernetes", r => r.Requested);
        Pods("kn.revision.pods.count", "Number of pods that are allocated currently", r => r.Counts.Ready);
        Pods("kn.revision.pods.not_ready.count", "Number of pods that are not ready currently", r => r.Counts.NotReady);
        Pods("kn.revision.pods.pending.count", "Number of pods that are pending currently", r => r.Counts.Pending);
        Pods("kn.revision.pods.terminating.count", "Number of pods that are terminating currently", r => r.Counts.Terminating);
    }

    public void Dispose() => _meter.Dispose();

    /// <summary>A gauge over the deciders that scale by <paramref name="metric"/>, or over all of them.</summary>
    private void Scaling(string name, string? unit, string description, string? metric, Func<ScalingSample, double> value) =>
        _meter.CreateObservableGauge(
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
        );

    private void Pods(string name, string description, Func<PodCountBoard.Row, long> value) =>
        _meter.CreateObservableGauge(
            name,
            () => _shards().SelectMany(shard => shard.Board.Rows).Select(row => new Measurement<long>(value(row), Tags(row.Key, row))),
            "{pod}",
            description
        );

    private static KeyValuePair<string, object?>[] Tags(ObjectKey key, PodCountBoard.Row? row) =>
        [
            new("k8s.namespace.name", key.Namespace),
            new("kn.revision.name", key.Name),
            new("kn.service.name", row?.Service ?? ""),
            new("kn.configuration.name", row?.Configuration ?? ""),
        ];
}
