using System.IO.Compression;
using System.Net;
using System.Net.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Serving.Certificates;
using Serving.Kubernetes.Hosting;
using Serving.Observability.Metrics;

namespace Serving.Host.Metrics;

/// <summary>
/// Serves <c>/metrics</c> on its own port, which is opened and closed while the process runs. With a guard it uses TLS with a self-signed
/// certificate, because callers send tokens; without one it serves plain HTTP to everybody. Invariant: nothing is collected while the port
/// is closed.
/// </summary>
internal sealed class MetricsEndpoint : IDisposable
{
    private static readonly string[] Meters = ["Serving", "System.Runtime"];

    /// <summary>Enough for 5000 revisions with four kinds of requests each; 30 MiB for a histogram that has so many.</summary>
    private const int MaxSeries = 20_000;

    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(30);
    private static readonly TimeSpan RenewBefore = TimeSpan.FromDays(3);

    private readonly ScrapeGuard? _guard;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private volatile PrometheusExporter? _exporter;
    private ServingCertificate? _certificate;
    private IPAddress? _certified;

    /// <param name="guard">Authorizes scrapes; null to allow everybody.</param>
    /// <param name="time">The clock of the certificate.</param>
    /// <param name="logger">Logs what cannot be collected; null for none.</param>
    public MetricsEndpoint(ScrapeGuard? guard, TimeProvider time, ILogger? logger = null)
    {
        _guard = guard;
        _time = time;
        _logger = logger ?? NullLogger.Instance;
        Port = new ServingPort("metrics", null)
        {
            Certificate = guard is null ? null : Certificate,
            NotFound = "not found; metrics are at /metrics",
            Serve = port =>
            {
                port.UseRouting();
                port.UseEndpoints(endpoints => endpoints.MapMethods("/metrics", [HttpMethods.Get, HttpMethods.Head], ScrapeAsync));
            },
        };
    }

    /// <summary>The port.</summary>
    public ServingPort Port { get; }

    /// <summary>The attributes of the process, for <c>target_info</c>; set before the port is opened.</summary>
    public IReadOnlyDictionary<string, string> Target { get; set; } = new Dictionary<string, string>();

    /// <summary>The address it listens on; null while it is closed.</summary>
    public IPEndPoint? Address { get; private set; }

    /// <summary>The URL scheme.</summary>
    public string Scheme => _guard is null ? "http" : "https";

    /// <summary>Starts collecting and opens the port. Throws <see cref="IOException"/> when the address cannot be bound.</summary>
    public async Task OpenAsync(PortListeners listeners, IPEndPoint address, CancellationToken cancellation)
    {
        _exporter = new PrometheusExporter(
            new PrometheusOptions
            {
                MaxSeries = MaxSeries,
                Gzip = static output => new GZipStream(output, CompressionLevel.Fastest, leaveOpen: true),
                Logger = _logger,
            },
            Meters
        )
        {
            Target = Target,
        };
        try
        {
            await listeners.OpenAsync(Port, address, cancellation);
            Address = address;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Closes the port, and stops collecting.</summary>
    public async Task CloseAsync(PortListeners listeners, CancellationToken cancellation)
    {
        if (Address is { } open)
        {
            Address = null;
            await listeners.CloseAsync(Port, open, cancellation);
            Dispose();
        }
    }

    public void Dispose()
    {
        _exporter?.Dispose();
        _exporter = null;
    }

    private async Task ScrapeAsync(HttpContext context)
    {
        var verdict = _guard is null
            ? ScrapeVerdict.Allowed
            : await _guard.JudgeAsync(context.Request.Headers.Authorization, context.RequestAborted);
        if (verdict == ScrapeVerdict.Allowed && _exporter is { } metrics)
        {
            await metrics.HandleAsync(context);
            return;
        }

        await (
            verdict switch
            {
                ScrapeVerdict.Unauthenticated => Dataplane.Requests.PlainText.WriteErrorAsync(
                    context,
                    StatusCodes.Status401Unauthorized,
                    "a scrape needs the bearer token of a service account",
                    header: new("WWW-Authenticate", "Bearer")
                ),
                ScrapeVerdict.Forbidden => Dataplane.Requests.PlainText.WriteErrorAsync(
                    context,
                    StatusCodes.Status403Forbidden,
                    "the account may not get the non-resource URL /metrics; a ClusterRole can allow it"
                ),
                ScrapeVerdict.Unavailable => Dataplane.Requests.PlainText.WriteErrorAsync(
                    context,
                    StatusCodes.Status503ServiceUnavailable,
                    "the API server, which authorizes scrapes, is unreachable",
                    retryAfter: "1"
                ),
                _ => Dataplane.Requests.PlainText.WriteErrorAsync(
                    context,
                    StatusCodes.Status503ServiceUnavailable,
                    "metrics are being switched off"
                ),
            }
        );
    }

    private SslStreamCertificateContext Certificate()
    {
        lock (_gate)
        {
            var address = Port.EndPoint?.Address ?? IPAddress.Loopback;
            if (_certificate is null || !address.Equals(_certified) || _certificate.NotAfter <= _time.GetUtcNow() + RenewBefore)
            {
                _certificate =
                    ServingCertificate.TryRead(CertificateAuthority.Issue(address.ToString(), [], [address], _time.GetUtcNow(), Lifetime))
                    ?? throw new InvalidOperationException($"the certificate made for {address} cannot be read");
                _certified = address;
            }

            return _certificate.Context;
        }
    }
}
