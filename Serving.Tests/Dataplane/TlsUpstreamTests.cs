using System.Net;
using System.Net.Sockets;
using System.Text;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using NUnit.Framework;
using Serving.Dataplane.Servers;
using Serving.Dataplane.Upstreams;
using Serving.Tests.Support;

namespace Serving.Tests.Dataplane;

/// <summary>Forwarding to a destination that speaks TLS.</summary>
[CancelAfter(60_000)]
public sealed class TlsUpstreamTests
{
    private readonly TestAuthority _authority = new();
    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(20) };
    private IUpstream _upstream = null!;
    private UpstreamTls _tls = null!;
    private UpstreamResult? _result;

    [SetUp]
    public void SetUp()
    {
        _result = null;
        _upstream = Upstreams.Create(new UpstreamOptions());
        _tls = new UpstreamTls("any.test", _authority.Roots) { PeerNames = ["pod", "activator"] };
    }

    [TearDown]
    public void TearDown() => ((IDisposable)_upstream).Dispose();

    [OneTimeTearDown]
    public void OneTimeTearDown()
    {
        _authority.Dispose();
        _client.Dispose();
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task A_connection_serves_one_request_after_the_other(bool http2)
    {
        var connections = new HashSet<string>();
        await using var server = await ServerAsync(
            async context =>
            {
                lock (connections)
                    connections.Add(context.Connection.RemotePort.ToString(System.Globalization.CultureInfo.InvariantCulture));
                using var reader = new StreamReader(context.Request.Body);
                await context.Response.WriteAsync($"{context.Request.Protocol} {await reader.ReadToEndAsync()}");
            },
            "pod"
        );
        await using var proxy = await ProxyAsync(server, http2);

        for (var i = 0; i < 5; i++)
        {
            using var content = new StringContent($"{i}");
            using var response = await _client.PostAsync(new Uri($"http://{proxy.Address}/"), content);
            (await response.Content.ReadAsStringAsync()).Should().Be($"{(http2 ? "HTTP/2" : "HTTP/1.1")} {i}");
        }

        connections.Should().ContainSingle("a handshake for each would be dear");
    }

    [TestCase("activator", false, UpstreamResult.Done)]
    [TestCase("activator", true, UpstreamResult.Done)]
    [TestCase("any.test", false, UpstreamResult.Failed)]
    [TestCase("any.test", true, UpstreamResult.Failed)]
    public async Task The_certificate_must_carry_one_of_the_names(string name, bool http2, UpstreamResult result)
    {
        await using var server = await ServerAsync(static _ => Task.CompletedTask, name);
        await using var proxy = await ProxyAsync(server, http2);

        using var response = await _client.GetAsync(new Uri($"http://{proxy.Address}/"));

        await Eventually.HoldsAsync(() => _result.Should().Be(result));
        response.StatusCode.Should().Be(result == UpstreamResult.Done ? HttpStatusCode.OK : HttpStatusCode.BadGateway);
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task Who_refuses_the_handshake_is_as_good_as_absent(bool http2)
    {
        await using var server = new DataplaneServer(
            new DataplaneServerOptions { Endpoints = [new(IPAddress.Loopback, 0) { Certificates = static _ => null }] },
            static _ => Task.CompletedTask
        );
        await server.StartAsync(default);
        await using var proxy = await ProxyAsync(server, http2);

        using var response = await _client.GetAsync(new Uri($"http://{proxy.Address}/"));

        await Eventually.HoldsAsync(() => _result.Should().Be(UpstreamResult.NotConnected));
    }

    [Test]
    public async Task An_answer_comes_through_before_the_request_has_ended()
    {
        await using var server = await ServerAsync(
            static async context =>
            {
                context.Response.StatusCode = StatusCodes.Status413PayloadTooLarge;
                await context.Response.WriteAsync("early");
                await context.Response.CompleteAsync();
            },
            "pod"
        );
        await using var proxy = await ProxyAsync(server, http2: false);
        using var client = await ConnectAsync(proxy);

        await client
            .GetStream()
            .WriteAsync(Encoding.ASCII.GetBytes("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nping\r\n"));

        (await ReadUntilAsync(client, "early")).Should().StartWith("HTTP/1.1 413");
    }

    [Test]
    public async Task An_upgraded_connection_runs_both_ways()
    {
        await using var server = await ServerAsync(
            static async context =>
            {
                var upgraded = await context.Features.Get<IHttpUpgradeFeature>()!.UpgradeAsync();
                await upgraded.CopyToAsync(upgraded);
            },
            "pod"
        );
        await using var proxy = await ProxyAsync(server, http2: false);
        using var client = await ConnectAsync(proxy);
        await client
            .GetStream()
            .WriteAsync(Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));
        (await ReadUntilAsync(client, "\r\n\r\n")).Should().StartWith("HTTP/1.1 101");

        foreach (var word in new[] { "one", "two" })
        {
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(word));
            (await ReadUntilAsync(client, word)).Should().Be(word);
        }
    }

    [Test]
    public async Task A_server_refuses_TLS_1_1()
    {
        await using var server = await ServerAsync(static _ => Task.CompletedTask, "pod");

        (await OldTlsClient.GreetAsync(server.Endpoints[0], "pod")).Should().Equal(OldTlsClient.VersionRefused);
    }

    private async Task<DataplaneServer> ServerAsync(RequestDelegate handler, string name)
    {
        var certificate = _authority.Serve(name);
        var server = new DataplaneServer(
            new DataplaneServerOptions { Endpoints = [new(IPAddress.Loopback, 0) { Certificates = _ => certificate }] },
            handler
        );
        await server.StartAsync(default);
        return server;
    }

    private Task<TestServer> ProxyAsync(DataplaneServer server, bool http2) =>
        TestServer.StartAsync(async context =>
            _result = await _upstream.ForwardAsync(
                context,
                new UpstreamTarget(server.Endpoints[0].ToString(), http2) { Tls = _tls },
                context.RequestAborted
            )
        );

    private static async Task<TcpClient> ConnectAsync(TestServer proxy)
    {
        var client = new TcpClient();
        await client.ConnectAsync(proxy.EndPoint);
        return client;
    }

    private static async Task<string> ReadUntilAsync(TcpClient client, string end)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var text = "";
        var buffer = new byte[1024];
        while (!text.Contains(end, StringComparison.Ordinal))
        {
            var read = await client.GetStream().ReadAsync(buffer, patience.Token);
            if (read == 0)
                break;
            text += Encoding.ASCII.GetString(buffer, 0, read);
        }

        return text;
    }
}
