using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using FluentAssertions;
using Serving.Instruments;

namespace Serving.Tests.Support;

/// <summary>
/// Collects the meters of one name: the value of each series, as <c>name{attribute=value,…}</c>; counters and histograms are summed. Every
/// attribute must be one that its instrument declares.
/// </summary>
public sealed class CollectedMetrics : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<string, double> _observed = new();
    private readonly ConcurrentDictionary<string, double> _counted = new();
    private readonly ConcurrentDictionary<string, bool> _undeclared = new();

    /// <param name="meter">The meters' name.</param>
    public CollectedMetrics(string meter)
    {
        _listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == meter)
                self.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.Start();
    }

    /// <summary>The current values of all series.</summary>
    public IReadOnlyDictionary<string, double> Collect()
    {
        _observed.Clear();
        _listener.RecordObservableInstruments();
        _undeclared.Keys.Should().BeEmpty("docs/metrics.md lists only declared attributes");
        return _observed.Concat(_counted).ToDictionary(StringComparer.Ordinal);
    }

    public void Dispose() => _listener.Dispose();

    private void Note(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        foreach (var (key, _) in tags)
        {
            if (DeclaredAttributes.Of(instrument).All(declared => declared.Name != key))
                _undeclared[$"{instrument.Name} {key}"] = true;
        }

        var series = $"{instrument.Name}{{{string.Join(',', tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}"))}}}";
        if (instrument.IsObservable)
            _observed[series] = value;
        else
            _counted.AddOrUpdate(series, value, (_, before) => before + value);
    }
}
