using System.Net;
using NUnit.Framework;

namespace Serving.Tests.Networking.Gateway;

/// <summary>Tests of one gateway each, with a client that follows no redirect.</summary>
public abstract class GatewayFixture
{
    private protected HttpClient Http { get; } = new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false });

    private protected RunningGateway Gateway { get; private set; } = null!;

    [SetUp]
    public async Task StartAsync() => Gateway = await RunningGateway.StartAsync();

    [TearDown]
    public async Task StopAsync() => await Gateway.DisposeAsync();

    [OneTimeTearDown]
    public void DisposeClient() => Http.Dispose();

    /// <summary>A request whose target is sent as it is written.</summary>
    private protected HttpRequestMessage Request(string host, string target = "/", IPEndPoint? to = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"http://{to ?? Gateway.External}{target}", new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
        request.Headers.Host = host;
        return request;
    }
}
