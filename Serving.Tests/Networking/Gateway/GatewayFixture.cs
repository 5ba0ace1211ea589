using System.Net;
using NUnit.Framework;

namespace Serving.Tests.Networking.Gateway;

/// <summary>Starts a gateway per test, with a client that does not follow redirects.</summary>
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

    /// <summary>A request whose target is sent without normalization.</summary>
    private protected HttpRequestMessage Request(string host, string target = "/", IPEndPoint? to = null)
    {
        var request = new HttpRequestMessage(
            HttpMethod.Get,
            new Uri(
                $"http://{to ?? Gateway.External}{target}",
                new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }
            )
        );
        request.Headers.Host = host;
        return request;
    }
}
