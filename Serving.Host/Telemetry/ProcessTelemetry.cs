using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;
using Serving.Observability.Telemetry;

namespace Serving.Host.Telemetry;

/// <summary>
/// Exports to OpenTelemetry collectors: our own meters and activities, and those of ASP.NET Core, HttpClient and the runtime. Recreated in
/// its own container when the configuration changes, because built providers cannot be changed. Invariant: only configured exporters are
/// built, so instruments and activities cost next to nothing without them. Dispose flushes what is pending.
/// </summary>
internal sealed class ProcessTelemetry : IDisposable
{
    private static readonly string[] Untraced = ["/readyz", "/livez", "/metrics"];

    private static readonly string[] ClientAttributes =
    [
        "error.type",
        "http.connection.state",
        "http.request.method",
        "http.response.status_code",
        "network.protocol.version",
        "url.scheme",
    ];

    private readonly ServiceProvider _services;

    private ProcessTelemetry(ServiceProvider services) => _services = services;

    /// <summary>Exports log lines; null when logs are not exported.</summary>
    public ILoggerProvider? Logs => LogsOf(_services);

    /// <summary>Starts the exporters in <paramref name="options"/>; null when there are none.</summary>
    /// <param name="options">The exporters.</param>
    /// <param name="failures">Reports exports that fail.</param>
    /// <exception cref="ArgumentException">An endpoint is not an absolute URI.</exception>
    public static ProcessTelemetry? Start(TelemetryOptions options, ExportFailures failures)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options.SendsMetrics || options.SendsTraces || options.SendsLogs ? new ProcessTelemetry(Build(options, failures)) : null;
    }

    public void Dispose() => _services.Dispose();

    /// <summary>A separate method, so that OpenTelemetry is not even loaded while nothing is exported.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ServiceProvider Build(TelemetryOptions options, ExportFailures failures)
    {
        var services = new ServiceCollection();
        var telemetry = services.AddOpenTelemetry();
        if (options.SendsMetrics)
        {
            telemetry.WithMetrics(metrics =>
                TelemetryExport.Configure(
                    metrics.AddAspNetCoreInstrumentation().AddHttpClientInstrumentation().AddRuntimeInstrumentation().AddView(ViewOf),
                    options,
                    failures
                )
            );
        }

        if (options.SendsTraces)
        {
            telemetry.WithTracing(traces =>
                TelemetryExport.Configure(
                    traces
                        .AddAspNetCoreInstrumentation(static tracing => tracing.Filter = IsTraced)
                        .AddHttpClientInstrumentation(static tracing => tracing.FilterHttpRequestMessage = IsTraced),
                    options,
                    failures
                )
            );
        }

        if (options.SendsLogs)
        {
            services.AddLogging(logging => logging.AddOpenTelemetry(logs => TelemetryExport.Configure(logs, options, failures)));
        }

        var provider = services.BuildServiceProvider();
        try
        {
            // Resolving the providers builds them, and the first logger that of logs; they run until the container is disposed.
            _ = (provider.GetService<MeterProvider>(), provider.GetService<TracerProvider>());
            LogsOf(provider)?.CreateLogger(nameof(ProcessTelemetry));
            return provider;
        }
        catch
        {
            provider.Dispose();
            throw;
        }
    }

    /// <summary>
    /// What of .NET's own instruments is pushed. Attributes of peers are left out: a new pod has a new address, and the SDK forgets no
    /// series, up to its limit. The server's durations have the name of the activator's, which are by revision.
    /// </summary>
    private static MetricStreamConfiguration? ViewOf(Instrument instrument) =>
        (instrument.Meter.Name, instrument.Name) switch
        {
            ("Microsoft.AspNetCore.Hosting", "http.server.request.duration") => MetricStreamConfiguration.Drop,
            ("System.Net.Http", _) => new MetricStreamConfiguration { TagKeys = ClientAttributes },
            ("System.Net.NameResolution", _) => new MetricStreamConfiguration { TagKeys = ["error.type"] },
            _ => null,
        };

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ILoggerProvider? LogsOf(ServiceProvider services) =>
        services.GetServices<ILoggerProvider>().OfType<OpenTelemetryLoggerProvider>().SingleOrDefault();

    private static bool IsTraced(HttpContext context) => !Array.Exists(Untraced, path => context.Request.Path == path);

    /// <summary>Watches are not traced: they last minutes, and their duration has no meaning.</summary>
    private static bool IsTraced(HttpRequestMessage request) =>
        request.RequestUri?.Query.Contains("watch=true", StringComparison.Ordinal) != true;
}
