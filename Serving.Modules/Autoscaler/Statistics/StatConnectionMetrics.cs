using System.Diagnostics.Metrics;
using Serving.Instruments;

namespace Serving.Autoscaler.Statistics;

/// <summary>
/// Metrics of the connections over which the activator sends stats to the autoscaler, under the names used by Knative's dashboards. An
/// autoscaler in the same process is always reachable.
/// </summary>
public sealed class StatConnectionMetrics : IDisposable
{
    private static readonly MetricAttribute PeerName = new("peer", "`autoscaler`");
    private static readonly KeyValuePair<string, object?> Peer = PeerName.Of("autoscaler");

    /// <summary>The name of the meter.</summary>
    public const string MeterName = "Serving.Activator.Statistics";

    private readonly Meter _meter = new(MeterName);
    private readonly Counter<long> _errors;
    private Func<bool>? _isReachable;

    /// <summary>Creates the instruments.</summary>
    public StatConnectionMetrics()
    {
        _errors = _meter
            .CreateCounter<long>("kn.activator.stats.conn.errors", "{error}", "Number of connection errors from the activator")
            .With(PeerName)
            .StartingAtZero(Peer);
        _meter
            .CreateObservableGauge(
                "kn.activator.stats.conn.reachable",
                () =>
                    Volatile.Read(ref _isReachable) is { } ask
                        ? [new Measurement<long>(ask() ? 1 : 0, Peer)]
                        : Array.Empty<Measurement<long>>(),
                "{reachable}",
                "Whether a peer is reachable from the activator (1 = reachable, 0 = not reachable)"
            )
            .With(PeerName);
    }

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    /// <summary>Sets the callback that reports reachability.</summary>
    internal void Follow(Func<bool> reachable) => Volatile.Write(ref _isReachable, reachable);

    /// <summary>Records a lost connection.</summary>
    internal void OnLost() => _errors.Add(1, Peer);
}
