using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Serving.Dataplane.Requests;
using Serving.Dataplane.Servers;
using Serving.Dataplane.Statistics;
using Serving.Dataplane.Upstreams;
using Serving.QueueProxy.Readiness;
using Serving.QueueProxy.Telemetry;

namespace Serving.QueueProxy;

/// <summary>Starts the servers of the sidecar and shuts them down.</summary>
internal sealed partial class QueueProxyServer : IAsyncDisposable
{
    private readonly QueueProxyConfig _config;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _logger;
    private readonly Drainer _drainer;
    private readonly ProxyEndpoint _proxy;
    private readonly HealthEndpoint _health;
    private readonly StatReporter _reporter;
    private readonly IUpstream _upstream;
    private readonly SidecarTelemetry _telemetry;
    private readonly PodCertificate? _certificate;
    private readonly RequestDelegate _serve;
    private readonly CancellationTokenSource _terminated = new();

    // Without a memory limit of its own the sidecar must not use a share of the node's memory.
    private readonly HeadBudget _heads = HeadBudget.OfMemory(MostHeadBytes);
    private const long MostHeadBytes = 128 * 1024 * 1024;
    private const int MostIdleConnections = 1000;

    private readonly List<DataplaneServer> _servers = [];
    private readonly DataplaneServer _main;

    /// <param name="config">The configuration of the sidecar.</param>
    /// <param name="variable">Reads environment variables; used for TLS settings, which only a pod with a certificate needs.</param>
    /// <param name="time">The clock.</param>
    /// <param name="loggers">Creates the loggers.</param>
    /// <exception cref="FormatException">A variable of the TLS port is invalid.</exception>
    public QueueProxyServer(QueueProxyConfig config, Func<string, string?> variable, TimeProvider time, ILoggerFactory loggers)
    {
        _config = config;
        _loggers = loggers;
        _logger = loggers.CreateLogger<QueueProxyServer>();
        var stats = new RequestStats(time);
        var budget = config.MaxRequests > 0 ? new RequestBudget(config.MaxRequests) : null;
        _drainer = new Drainer(config.QuietPeriod, time, budget);
        _upstream = Upstreams.Create(
            new UpstreamOptions
            {
                // A program with a low concurrency limit never needs more connections.
                MostIdleConnections = config.ContainerConcurrency > 0 ? config.ContainerConcurrency : MostIdleConnections,
                HeadBudget = _heads,
                LoggerFactory = loggers,
            }
        );
        _telemetry = new SidecarTelemetry(config, time, _logger);
        var prober = new UserProber(ReadinessProbe.Parse(config.ReadinessProbe), config.DetectHttp2, time, _logger);
        _proxy = new ProxyEndpoint(config, _upstream, stats, _drainer, prober, _telemetry, budget, time);
        _health = new HealthEndpoint(prober, _drainer, budget);
        _reporter = new StatReporter(stats, config.Pod, budget, time);

        var endpoints = new List<DataplaneEndpoint> { new(config.ListenAddress, config.ServingPort) };
        if (PodCertificate.IsMounted(config.CertificateDirectory))
        {
            var tls = TlsSettings.Read(variable);
            KeyExchangeGroups.Set(tls.Groups, _logger);
            _certificate = new PodCertificate(config.CertificateDirectory, time, _logger);
            endpoints.Add(
                new DataplaneEndpoint(config.ListenAddress, config.TlsPort)
                {
                    Certificates = _ => _certificate.Current,
                    ConfigureTls = tls.Apply,
                }
            );
        }

        _serve = ServeAsync;
        _main = Add(endpoints, _telemetry.Observer is { } observer ? context => observer.ServeAsync(context, _serve) : _serve);
        Add([new(config.ListenAddress, config.AdminPort)], new AdminEndpoint(_drainer, time, _terminated.Token).HandleAsync);
        Add([new(config.ListenAddress, config.StatsPort)], _reporter.HandleAsync);
        if (_telemetry.Endpoint is { } scraped)
            Add([scraped], _telemetry.HandleScrapeAsync);
    }

    /// <summary>The endpoint of the main server; available once started.</summary>
    public IPEndPoint Endpoint => _main.Endpoints[0];

    /// <summary>Starts listening on all ports.</summary>
    /// <exception cref="IOException">A port is in use; the message names it.</exception>
    public async Task StartAsync(CancellationToken cancellation)
    {
        foreach (var server in _servers)
            await server.StartAsync(cancellation);
        LogStarted(_logger, _config.Namespace, _config.Revision, _config.ListenAddress, _config.ServingPort);
    }

    /// <summary>
    /// Shuts down without losing requests: probes fail, requests are accepted until none has arrived for the quiet period and none is in
    /// flight, then the servers stop. Upgraded connections get another minute: at its start the user's program, whose preStop hook waited
    /// for the same drain, receives SIGTERM and can close them gracefully.
    /// </summary>
    public async Task DrainAsync(CancellationToken cancellation)
    {
        await _terminated.CancelAsync();
        LogDraining(_logger, _config.QuietPeriod.TotalSeconds);
        _main.BeginDrain();
        await _drainer.DrainAsync().WaitAsync(cancellation);

        // The main server first: the others keep serving while upgraded connections end.
        foreach (var server in _servers)
            await server.StopAsync(cancellation);
        LogStopped(_logger);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers)
            await server.DisposeAsync();
        _reporter.Dispose();
        _certificate?.Dispose();
        _telemetry.Dispose();
        (_upstream as IDisposable)?.Dispose();
        _terminated.Dispose();
    }

    private Task ServeAsync(HttpContext context) =>
        ProbeRequest.IsProbe(context.Request)
            ? _health.TryAnswer(context) ?? _proxy.HandleAsync(context, isProbe: true)
            : _proxy.HandleAsync(context, isProbe: false);

    private DataplaneServer Add(IReadOnlyList<DataplaneEndpoint> endpoints, RequestDelegate handler)
    {
        var server = new DataplaneServer(
            new DataplaneServerOptions
            {
                Endpoints = endpoints,
                Limits = new ServerLimits { MaxConnections = ConnectionBound.OfMemory },
                HeadBudget = _heads,
                LoggerFactory = _loggers,
            },
            handler
        );
        _servers.Add(server);
        return server;
    }

    [LoggerMessage(1, LogLevel.Information, "Serving {Namespace}/{Revision} on {Address}:{Port}.")]
    private static partial void LogStarted(ILogger logger, string @namespace, string revision, IPAddress address, int port);

    [LoggerMessage(2, LogLevel.Information, "Draining until no request arrives for {Quiet} s.")]
    private static partial void LogDraining(ILogger logger, double quiet);

    [LoggerMessage(3, LogLevel.Information, "Drained.")]
    private static partial void LogStopped(ILogger logger);
}
