using System.Net;
using Microsoft.AspNetCore.Http;
using Serving.Dataplane.Servers;
using Serving.Dataplane.Upstreams;

namespace Serving.Tests.Dataplane;

/// <summary>A data-plane server on a free loopback port.</summary>
internal sealed class TestServer(DataplaneServer server) : IAsyncDisposable
{
    public IPEndPoint EndPoint => server.Endpoints[0];

    public string Address => EndPoint.ToString();

    public DataplaneServer Server => server;

    public static async Task<TestServer> StartAsync(RequestDelegate handler)
    {
        var server = new DataplaneServer(new DataplaneServerOptions { Endpoints = [new(IPAddress.Loopback, 0)] }, handler);
        await server.StartAsync(default);
        return new TestServer(server);
    }

    /// <summary>A server that forwards everything to <paramref name="target"/>.</summary>
    public static Task<TestServer> ProxyAsync(IUpstream upstream, string target, Action<UpstreamResult>? result = null) =>
        StartAsync(async context =>
        {
            var outcome = await upstream.ForwardAsync(
                context,
                new UpstreamTarget(target, HttpProtocol.IsHttp2(context.Request.Protocol)),
                context.RequestAborted
            );
            result?.Invoke(outcome);
        });

    public ValueTask DisposeAsync() => server.DisposeAsync();
}
