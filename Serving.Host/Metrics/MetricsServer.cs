using System.Net;
using System.Net.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Serving.Certificates;
using Serving.Dataplane;
using Serving.Observability;

namespace Serving.Host.Metrics;

/// <summary>
/// Serves <c>/metrics</c> on an address of its own, so that scrapes stay off the data path. With a guard it speaks TLS, by a certificate
/// that it makes for itself, since callers show tokens; without one, plain HTTP to anybody.
/// </summary>
internal sealed class MetricsServer : IAsyncDisposable
{
    private const int MaxConnections = 100;
    private const int MaxHeaderBytes = 32 * 1024;
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(30);
    private static readonly TimeSpan RenewBefore = TimeSpan.FromDays(3);

    private readonly IPAddress address;
    private readonly PrometheusExporter exporter;
    private readonly ScrapeGuard? guard;
    private readonly TimeProvider time;
    private readonly DataplaneServer server;
    private readonly Lock gate = new();
    private ServingCertificate? certificate;

    /// <param name="listen">Where to listen; port 0 takes any.</param>
    /// <param name="exporter">What to show. It is not disposed with the server.</param>
    /// <param name="guard">Says who may see it; null for everybody.</param>
    /// <param name="loggers">Where to log.</param>
    /// <param name="time">The clock of the certificate.</param>
    public MetricsServer(IPEndPoint listen, PrometheusExporter exporter, ScrapeGuard? guard, ILoggerFactory loggers, TimeProvider time)
    {
        address = listen.Address;
        this.exporter = exporter;
        this.guard = guard;
        this.time = time;
        var endpoint = new DataplaneEndpoint(listen.Address, listen.Port) { Certificates = guard is null ? null : _ => Certificate() };
        server = new DataplaneServer(
            new DataplaneServerOptions { Endpoints = [endpoint], MaxConnections = MaxConnections, MaxHeaderBytes = MaxHeaderBytes, LoggerFactory = loggers }, AnswerAsync);
    }

    /// <summary>Where it listens, once started.</summary>
    public IPEndPoint EndPoint => server.Endpoints[0];

    /// <summary>Listens. Throws <see cref="IOException"/> when the address is in use.</summary>
    public Task StartAsync(CancellationToken cancellation) => server.StartAsync(cancellation);

    public ValueTask DisposeAsync() => server.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        if (context.Request.Path != "/metrics")
        {
            await Dataplane.Requests.PlainText.WriteErrorAsync(context, StatusCodes.Status404NotFound, "there is only /metrics here");
            return;
        }

        if (guard is null)
        {
            await exporter.HandleAsync(context);
            return;
        }

        switch (await guard.JudgeAsync(context.Request.Headers.Authorization, context.RequestAborted))
        {
            case ScrapeVerdict.Allowed:
                await exporter.HandleAsync(context);
                break;
            case ScrapeVerdict.Unauthenticated:
                await Dataplane.Requests.PlainText.WriteErrorAsync(
                    context, StatusCodes.Status401Unauthorized, "a scrape needs the bearer token of a service account", header: new("WWW-Authenticate", "Bearer"));
                break;
            case ScrapeVerdict.Forbidden:
                await Dataplane.Requests.PlainText.WriteErrorAsync(context, StatusCodes.Status403Forbidden, "the account may not get the non-resource URL /metrics; a ClusterRole can allow it");
                break;
            default:
                await Dataplane.Requests.PlainText.WriteErrorAsync(context, StatusCodes.Status503ServiceUnavailable, "the API server cannot be asked whether this scrape is allowed", retryAfter: "1");
                break;
        }
    }

    private SslStreamCertificateContext Certificate()
    {
        lock (gate)
        {
            if (certificate is null || certificate.NotAfter <= time.GetUtcNow() + RenewBefore)
            {
                certificate = ServingCertificate.TryRead(CertificateAuthority.Issue(address.ToString(), [], [address], time.GetUtcNow(), Lifetime))
                    ?? throw new InvalidOperationException($"the certificate made for {address} cannot be read");
            }

            return certificate.Context;
        }
    }
}
