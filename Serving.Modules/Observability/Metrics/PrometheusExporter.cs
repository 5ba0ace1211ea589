using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Net.Http.Headers;
using Serving.Instruments;

namespace Serving.Observability.Metrics;

/// <summary>
/// Collects the metrics of this process and serves them to Prometheus, in the format that the scraper prefers. It listens to
/// <see cref="System.Diagnostics.Metrics"/> directly, so no OpenTelemetry provider is needed. Series of a meter with an
/// <see cref="ISeriesLifetime"/> end with what they belong to.
/// </summary>
public sealed partial class PrometheusExporter : IDisposable
{
    private const string VaryEncoded = "Accept, Accept-Encoding";

    private readonly MeterListener _listener = new();
    private readonly Lock _collecting = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<Instrument, MetricInstrument> _instruments = [];
    private readonly Func<Meter, bool> _wanted;
    private readonly PrometheusOptions _options;

    /// <param name="meters">Prefixes of the names of meters to collect; all when empty. The runtime's meter is
    /// <c>System.Runtime</c>.</param>
    public PrometheusExporter(params IReadOnlyList<string> meters)
        : this(new PrometheusOptions(), meters) { }

    /// <param name="options">How to collect.</param>
    /// <param name="meters">Prefixes of the names of meters to collect; all when empty. The runtime's meter is
    /// <c>System.Runtime</c>.</param>
    public PrometheusExporter(PrometheusOptions options, params IReadOnlyList<string> meters)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(meters);
        _options = options;
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

    /// <summary>Attributes of the process, served as <c>target_info</c>; empty for none.</summary>
    public IReadOnlyDictionary<string, string> Target { get; init; } = new Dictionary<string, string>();

    /// <inheritdoc/>
    public void Dispose() => _listener.Dispose();

    /// <summary>All current metrics in a text format.</summary>
    public string Render(TextFormat format = TextFormat.Prometheus)
    {
        using var text = new PooledText();
        Render(text, format);
        return text.ToString();
    }

    /// <summary>Handles a scrape.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var format = TextFormats.Of(context.Request.Headers.Accept);
        using var text = new PooledText();
        Render(text, format);
        var response = context.Response;
        response.ContentType = format.ContentType();
        response.Headers.Vary = _options.Gzip is null ? HeaderNames.Accept : VaryEncoded;
        var body = HttpMethods.IsHead(context.Request.Method) ? null : response.Body;
        if (_options.Gzip is { } gzip && TextFormats.IsGzipPreferred(context.Request.Headers.AcceptEncoding))
        {
            response.Headers.ContentEncoding = TextFormats.Gzip;
            if (body is not null)
            {
                await using var compressed = gzip(body);
                await text.CopyToAsync(compressed, context.RequestAborted);
            }

            return;
        }

        response.ContentLength = text.Length;
        if (body is not null)
        {
            await text.CopyToAsync(body, context.RequestAborted);
        }
    }

    private void Render(PooledText result, TextFormat format)
    {
        lock (_collecting)
        {
            List<MetricInstrument> all;
            lock (_gate)
            {
                all = [.. _instruments.Values];
            }

            all.ForEach(static instrument => instrument.BeginCollection());
            Observe();
            var text = new PrometheusText(result, format);
            foreach (
                var family in all.Select(static instrument => (Instrument: instrument, Series: instrument.Collect()))
                    .Where(static member => member.Series.Count > 0)
                    .GroupBy(static member => member.Instrument.Name)
                    .OrderBy(static family => family.Key, StringComparer.Ordinal)
            )
            {
                text.WriteFamily(family.Key, [.. family]);
            }

            if (Target.Count > 0)
            {
                text.WriteTarget(Target);
            }

            text.End();
        }
    }

    /// <summary>Reads the observable instruments. One that cannot be read has no value in this scrape; the others do.</summary>
    private void Observe()
    {
        try
        {
            _listener.RecordObservableInstruments();
        }
        catch (AggregateException failures)
        {
            // Thrown after all instruments were asked. Loggers do not repeat the same warning at each scrape.
            LogUnread(_options.Logger, failures.InnerExceptions.Count, failures.InnerExceptions[0]);
        }
    }

    [LoggerMessage(31, LogLevel.Warning, "The values of {Count} metrics could not be read, and are missing until they can")]
    private static partial void LogUnread(ILogger logger, int count, Exception exception);

    private void OnPublished(Instrument instrument, MeterListener source)
    {
        if (_wanted(instrument.Meter))
        {
            var added = new MetricInstrument(instrument, _options);
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
