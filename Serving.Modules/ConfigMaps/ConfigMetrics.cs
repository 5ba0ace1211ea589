using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Serving.Instruments;

namespace Serving.ConfigMaps;

/// <summary>Which ConfigMaps are rejected. Invariant: a deleted ConfigMap has no series.</summary>
internal sealed class ConfigMetrics : IDisposable
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "Serving.ConfigMaps";

    private static readonly MetricAttribute Name = new("name", "the ConfigMap");

    private readonly Meter _meter = new(MeterName);
    private readonly Counter<long> _rejected;
    private readonly ConcurrentDictionary<string, bool> _invalid = new(StringComparer.Ordinal);

    public ConfigMetrics()
    {
        _rejected = _meter
            .CreateCounter<long>(
                "serving.config.rejected",
                "{configmap}",
                "Changes of a ConfigMap that were rejected because they are not valid"
            )
            .With(Name)
            .StartingAtZero(() => _invalid.Keys.Select(static name => (KeyValuePair<string, object?>[])[Name.Of(name)]));
        _meter
            .CreateObservableGauge(
                "serving.config.invalid",
                () => _invalid.Select(static one => new Measurement<long>(one.Value ? 1 : 0, Name.Of(one.Key))),
                "{configmap}",
                "1 while the ConfigMap in the cluster is not valid and its last valid values are in use"
            )
            .With(Name);
    }

    /// <summary>A ConfigMap is in use.</summary>
    public void Accepted(string name) => _invalid[name] = false;

    /// <summary>A ConfigMap is not valid.</summary>
    public void Rejected(string name)
    {
        _rejected.Add(1, Name.Of(name));
        _invalid[name] = true;
    }

    /// <summary>A ConfigMap was deleted.</summary>
    public void Removed(string name) => _invalid.TryRemove(name, out _);

    public void Dispose() => _meter.Dispose();
}
