using System.Net;
using System.Net.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Serving.Dataplane.Servers;
using Serving.Networking.Gateway;
using Serving.Observability.Requests;
using Serving.Tests.ConfigMaps;
using Serving.Tests.Support;

namespace Serving.Tests.Networking.Gateway;

/// <summary>A gateway on free ports over an in-memory cluster, with backends on real sockets.</summary>
internal sealed class RunningGateway : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly List<DataplaneServer> _servers = [];
    private Task _running = Task.CompletedTask;

    public InMemoryCluster Cluster { get; private init; } = new();

    /// <summary>The ConfigMaps of a gateway that was started with them.</summary>
    public LiveConfig? Config { get; private init; }

    public GatewayModule Module { get; private set; } = null!;

    public IPEndPoint External => Module.Listening[0];

    public IPEndPoint ClusterLocal => Module.Listening[1];

    public static GatewayOptions Options { get; } = new(new IPEndPoint(IPAddress.Loopback, 0), new IPEndPoint(IPAddress.Loopback, 0));

    /// <summary>Starts a gateway whose listeners follow config-gateway-listeners, with this data at the start.</summary>
    public static Task<RunningGateway> StartConfiguredAsync(GatewayOptions options, params (string Key, string Value)[] listeners)
    {
        var cluster = new InMemoryCluster();
        var config = new LiveConfig(cluster);
        config.Put("config-gateway-listeners", listeners);
        return StartAsync(
            new RunningGateway { Cluster = cluster, Config = config },
            null,
            options with
            {
                Listeners = new GatewayListeners(config.Store),
            }
        );
    }

    public static Task<RunningGateway> StartAsync(
        ILocalActivator? activator = null,
        GatewayOptions? options = null,
        RequestLog? accessLog = null
    ) => StartAsync(new RunningGateway(), activator, options, accessLog);

    private static async Task<RunningGateway> StartAsync(
        RunningGateway result,
        ILocalActivator? activator,
        GatewayOptions? options,
        RequestLog? accessLog = null
    )
    {
        result.Module = new GatewayModule(
            options ?? Options,
            Gateway.Cluster.Environment,
            result.Cluster,
            NullLoggerFactory.Instance,
            TimeProvider.System,
            activator,
            accessLog
        );
        result._running = result.Module.RunAsync(result.Cluster, result._stop.Token);
        await Eventually.HoldsAsync(() =>
        {
            if (result._running.IsFaulted)
            {
                result._running.GetAwaiter().GetResult();
            }

            if (result.Module.NotReadyReason is { } reason)
            {
                throw new InvalidOperationException(reason);
            }
        });
        return result;
    }

    /// <summary>A backend on a free port; with a certificate it speaks TLS.</summary>
    public async Task<DataplaneServer> BackendAsync(RequestDelegate handler, SslStreamCertificateContext? certificate = null)
    {
        var endpoint = new DataplaneEndpoint(IPAddress.Loopback, 0) { Certificates = certificate is null ? null : _ => certificate };
        var server = new DataplaneServer(new DataplaneServerOptions { Endpoints = [endpoint] }, handler);
        await server.StartAsync(default);
        _servers.Add(server);
        return server;
    }

    /// <summary>A Service with one endpoint, routed at a host.</summary>
    public async Task RouteAsync(string host, RequestDelegate handler, string portName = "http")
    {
        var name = host.Split('.')[0];
        var backend = await BackendAsync(handler);
        Cluster.PutService(name, portName);
        Cluster.PutEndpoints(name, backend.Endpoints[0]);
        Cluster.PutIngress(name, Gateway.Cluster.Rule(host, Gateway.Cluster.To(name)));
        await RoutedAsync(name);
    }

    /// <summary>Waits until the current version of the Ingress is routed.</summary>
    public Task RoutedAsync(string name) =>
        Eventually.HoldsAsync(() =>
        {
            var wanted = Serving.Networking.Layers.IngressHash.Compute(Cluster.Find(Serving.Api.Resources.Ingresses, "default", name)!);
            if (Module.Table.Ingresses.GetValueOrDefault(new("default", name)).Hash != wanted)
            {
                throw new InvalidOperationException($"{name} is not routed");
            }
        });

    public Task StopAsync()
    {
        _stop.Cancel();
        return _running;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        foreach (var server in _servers)
        {
            await server.DisposeAsync();
        }

        Module.Dispose();
        Config?.Dispose();
        _stop.Dispose();
    }
}
