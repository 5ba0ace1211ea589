using System.Diagnostics.Metrics;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Serving.Observability.Metrics;

/// <summary>
/// Collects the metrics of this process and exposes them in Prometheus' text format. It listens to <see cref="System.Diagnostics.Metrics"/>
/// directly, so no OpenTelemetry provider is needed.
/// </summary>
public sealed class PrometheusExporter : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly Lock _collecting = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<Instrument, MetricInstrument> _instruments = [];
    private readonly Func<Meter, bool> _wanted;

    /// <param name="meters">Prefixes of the names of meters to collect; all when empty. The runtime's meter is
    /// <c>System.Runtime</c>.</param>
    public PrometheusExporter(params IReadOnlyList<string> meters)
    {
        ArgumentNullException.ThrowIfNull(meters);
        _wanted = meters.Count == 0 ? static _ => true : meter => meters.Any(name => meter.Name.StartsWith(name, StringComparison.Ordinal));
        _listener.InstrumentPublished = OnPublished;
        _listener.MeasurementsCompleted = (instrument, _) => OnCompleted(instrument);
        _listener.SetMeasurementEventCallback<byte>(static (_, value, tags, state) => ((MetricInstrument)state!).Measure(value, tags));
        _listener.SetMeasurementEventCallback<short>(static (_, value, tags, state) => ((MetricInstrument)state!).Measure(value, tags));
        _listener.SetMeasurementEventCallback<int>(static (_, value, tags, state) => ((MetricInstrument)state!).Measure(value, tags));
        _listener.SetMeasurementEventCallback<long>(static (_, value, tags, state) => ((MetricInstrument)state!).Measure(value, tags));
        _listener.SetMeasurementEventCallback<float>(static (_, value, tags, state) => ((MetricInstrument)state!).Measure(value, tags));
        _listener.SetMeasurementEventCallback<double>(static (_, value, tags, state) => ((MetricInstrument)state!).Measure(value, tags));
        _listener.SetMeasurementEventCallback<decimal>(
            static (_, value, tags, state) => ((MetricInstrument)state!).Measure((double)value, tags)
        );
        _listener.Start();
    }

    /// <summary>The media type of <see cref="Render"/>.</summary>
    public static string ContentType => "text/plain; version=0.0.4; charset=utf-8";

    /// <inheritdoc/>
    public void Dispose() => _listener.Dispose();

    /// <summary>All current metrics in Prometheus' text format.</summary>
    public string Render()
    {
        lock (_collecting)
        {
            List<MetricInstrument> all;
            lock (_gate)
            {
                all = [.. _instruments.Values];
            }

            all.ForEach(static instrument => instrument.Restart());
            _listener.RecordObservableInstruments();
            var text = new StringBuilder(4096);
            foreach (
                var family in all.Where(static instrument => instrument.Series.Count > 0)
                    .GroupBy(static instrument => instrument.Name)
                    .OrderBy(static family => family.Key, StringComparer.Ordinal)
            )
            {
                PrometheusText.WriteFamily(text, family.Key, [.. family]);
            }

            return text.ToString();
        }
    }

    /// <summary>Handles a scrape.</summary>
    public Task HandleAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var body = Encoding.UTF8.GetBytes(Render());
        context.Response.ContentType = ContentType;
        context.Response.ContentLength = body.Length;
        return HttpMethods.IsHead(context.Request.Method)
            ? Task.CompletedTask
            : context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    private void OnPublished(Instrument instrument, MeterListener source)
    {
        if (_wanted(instrument.Meter))
        {
            var added = new MetricInstrument(instrument);
            lock (_gate)
            {
                _instruments[instrument] = added;
            }

            source.EnableMeasurementEvents(instrument, added);
        }
    }

    private void OnCompleted(Instrument instrument)
    {
        lock (_gate)
        {
            _instruments.Remove(instrument);
        }
    }
}
