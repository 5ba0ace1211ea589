using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;
using Serving.Observability.Telemetry;

namespace Serving.Host.Telemetry;

/// <summary>
/// What the process sends to OpenTelemetry collectors: its own meters and activities, and those of ASP.NET Core, HttpClient and the
/// runtime. Made anew when the configuration changes, in a container of its own, since providers cannot be changed once they are built.
/// Invariant: only what is sent is built, so instruments and activities cost next to nothing without it. Dispose it to send what is left.
/// </summary>
internal sealed class ProcessTelemetry : IDisposable
{
    private static readonly string[] Untraced = ["/readyz", "/livez", "/metrics"];

    private readonly ServiceProvider? _services;

    private ProcessTelemetry(ServiceProvider? services) => _services = services;

    /// <summary>Starts to send what <paramref name="options"/> say; nothing is built when that is nothing.</summary>
    /// <exception cref="ArgumentException">An endpoint is not an absolute URI.</exception>
    public static ProcessTelemetry Start(TelemetryOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new ProcessTelemetry(options.SendsMetrics || options.SendsTraces ? Build(options) : null);
    }

    public void Dispose() => _services?.Dispose();

    /// <summary>Apart, so that OpenTelemetry is not even loaded while nothing is sent.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ServiceProvider Build(TelemetryOptions options)
    {
        var services = new ServiceCollection();
        var telemetry = services.AddOpenTelemetry();
        if (options.SendsMetrics)
        {
            telemetry.WithMetrics(metrics =>
                TelemetryExport.Configure(
                    metrics.AddAspNetCoreInstrumentation().AddHttpClientInstrumentation().AddRuntimeInstrumentation(),
                    options
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
                    options
                )
            );
        }

        var provider = services.BuildServiceProvider();
        try
        {
            // What is asked for is built, and works until the container is disposed.
            _ = (provider.GetService<MeterProvider>(), provider.GetService<TracerProvider>());
            return provider;
        }
        catch
        {
            provider.Dispose();
            throw;
        }
    }

    private static bool IsTraced(HttpContext context) => !Array.Exists(Untraced, path => context.Request.Path == path);

    /// <summary>A watch is a request of minutes; it says nothing about how long anything took.</summary>
    private static bool IsTraced(HttpRequestMessage request) =>
        request.RequestUri?.Query.Contains("watch=true", StringComparison.Ordinal) != true;
}
