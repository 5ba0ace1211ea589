using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using NUnit.Framework;
using Serving.Dataplane.Upstreams;
using Serving.Tests.Support;

namespace Serving.Tests.Dataplane;

/// <summary>The behavior of every upstream, over real sockets: client, proxy, destination.</summary>
[TestFixture("by protocol")]
[TestFixture("forwarder")]
[Category("Slow")]
[Parallelizable]
public sealed class UpstreamTests(string implementation)
{
    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false })
    {
        Timeout = TimeSpan.FromSeconds(20),
    };
    private IUpstream _upstream = null!;

    [SetUp]
    public void CreateUpstream() =>
        _upstream =
            implementation == "forwarder" ? Upstreams.CreateForwarder(new UpstreamOptions()) : Upstreams.Create(new UpstreamOptions());

    [TearDown]
    public void DisposeUpstream() => (_upstream as IDisposable)?.Dispose();

    [OneTimeTearDown]
    public void DisposeClient() => _client.Dispose();

    [Test]
    public async Task Passes_target_host_and_headers_on_as_they_came([Values(1, 2)] int version)
    {
        await using var destination = await TestServer.StartAsync(context =>
            context.Response.WriteAsync(
                $"{context.Features.Get<IHttpRequestFeature>()!.RawTarget} {context.Request.Host} {context.Request.Headers["X-Mine"]}"
            )
        );
        await using var proxy = await TestServer.ProxyAsync(_upstream, destination.Address);

        using var request = Request(HttpMethod.Get, proxy, "/a%2Fb/c%20d?q=%20x", version);
        request.Headers.Host = "some.example";
        request.Headers.TryAddWithoutValidation("X-Mine", "1, 2");
        using var response = await _client.SendAsync(request);

        (await response.Content.ReadAsStringAsync()).Should().Be("/a%2Fb/c%20d?q=%20x some.example 1, 2");
        response.Headers.Server.Should().BeEmpty();
    }

    [Test]
    public async Task Streams_big_bodies_both_ways([Values(1, 2)] int version)
    {
        await using var destination = await TestServer.StartAsync(async context =>
        {
            using var received = new MemoryStream();
            await context.Request.Body.CopyToAsync(received);
            await context.Response.Body.WriteAsync(received.GetBuffer().AsMemory(0, (int)received.Length));
        });
        await using var proxy = await TestServer.ProxyAsync(_upstream, destination.Address);
        var body = RandomNumberGenerator.GetBytes(5_000_000);

        using var request = Request(HttpMethod.Post, proxy, "/", version);
        request.Content = new ByteArrayContent(body);
        using var response = await _client.SendAsync(request);

        (await response.Content.ReadAsByteArrayAsync()).AsSpan().SequenceEqual(body).Should().BeTrue();
    }

    [Test]
    public async Task Sends_chunks_without_a_length_on_as_chunks()
    {
        await using var destination = await TestServer.StartAsync(async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            await context.Response.WriteAsync(
                $"{(context.Request.ContentLength is null ? "none" : "some")} {await reader.ReadToEndAsync()}"
            );
        });
        await using var proxy = await TestServer.ProxyAsync(_upstream, destination.Address);

        using var request = Request(HttpMethod.Post, proxy, "/");
        request.Content = new StringContent("hello");
        request.Headers.TransferEncodingChunked = true;
        using var response = await _client.SendAsync(request);

        (await response.Content.ReadAsStringAsync()).Should().Be("none hello");
    }

    [Test]
    public async Task Lets_the_client_see_the_headers_of_a_stream_before_its_first_byte([Values(1, 2)] int version)
    {
        var go = new TaskCompletionSource();
        await using var destination = await TestServer.StartAsync(async context =>
        {
            await context.Response.StartAsync();
            await context.Response.Body.FlushAsync();
            await go.Task;
            await context.Response.WriteAsync("late");
        });
        await using var proxy = await TestServer.ProxyAsync(_upstream, destination.Address);

        using var request = Request(HttpMethod.Get, proxy, "/", version);
        using var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        go.SetResult();

        (await response.Content.ReadAsStringAsync()).Should().Be("late");
    }

    [Test]
    public async Task Copies_status_and_headers_of_an_answer_without_a_body()
    {
        await using var destination = await TestServer.StartAsync(context =>
        {
            context.Response.StatusCode = context.Request.Path == "/nothing" ? 204 : 304;
            context.Response.Headers.ETag = "\"x\"";
            return Task.CompletedTask;
        });
        await using var proxy = await TestServer.ProxyAsync(_upstream, destination.Address);

        foreach (var (path, status) in new[] { ("/nothing", 204), ("/same", 304), ("/nothing", 204) })
        {
            using var response = await _client.SendAsync(Request(HttpMethod.Get, proxy, path));
            ((int)response.StatusCode).Should().Be(status);
            response.Headers.ETag!.Tag.Should().Be("\"x\"");
        }
    }

    [Test]
    public async Task Answers_HEAD_with_the_length_and_no_body()
    {
        await using var destination = await TestServer.StartAsync(context =>
        {
            context.Response.ContentLength = 1234;
            return Task.CompletedTask;
        });
        await using var proxy = await TestServer.ProxyAsync(_upstream, destination.Address);

        for (var i = 0; i < 2; i++)
        {
            using var response = await _client.SendAsync(Request(HttpMethod.Head, proxy, "/"));
            response.Content.Headers.ContentLength.Should().Be(1234);
        }
    }

    [Test]
    public async Task Passes_trailers_on_over_http2()
    {
        await using var destination = await TestServer.StartAsync(async context =>
        {
            context.Response.ContentType = "application/grpc";
            await context.Response.WriteAsync("message");
            context.Response.AppendTrailer("grpc-status", "0");
        });
        await using var proxy = await TestServer.ProxyAsync(_upstream, destination.Address);

        using var response = await _client.SendAsync(Request(HttpMethod.Post, proxy, "/", version: 2));

        (await response.Content.ReadAsStringAsync()).Should().Be("message");
        response.TrailingHeaders.GetValues("grpc-status").Should().Equal("0");
    }

    [Test]
    public async Task Passes_a_websocket_through()
    {
        await using var destination = await TestServer.StartAsync(async context =>
        {
            context.Response.Headers.Upgrade = "websocket";
            context.Response.Headers.Connection = "Upgrade";
#pragma warning disable CA5350 // The protocol requires SHA-1.
            context.Response.Headers["Sec-WebSocket-Accept"] = Convert.ToBase64String(
                SHA1.HashData(
                    Encoding.ASCII.GetBytes(context.Request.Headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
                )
            );
#pragma warning restore CA5350
            await using var stream = await context.Features.Get<IHttpUpgradeFeature>()!.UpgradeAsync();
            using var socket = WebSocket.CreateFromStream(stream, new WebSocketCreationOptions { IsServer = true });
            var buffer = new byte[1024];
            var received = await socket.ReceiveAsync(buffer.AsMemory(), default);
            await socket.SendAsync(buffer.AsMemory(0, received.Count), WebSocketMessageType.Text, true, default);
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "", default);
        });
        await using var proxy = await TestServer.ProxyAsync(_upstream, destination.Address);

        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://{proxy.Address}/"), default);
        await socket.SendAsync("ping"u8.ToArray(), WebSocketMessageType.Text, true, default);
        var answer = new byte[10];
        var length = (await socket.ReceiveAsync(answer, default)).Count;

        Encoding.UTF8.GetString(answer, 0, length).Should().Be("ping");
    }

    [Test]
    public async Task Says_that_it_was_not_connected_and_leaves_the_response_untouched()
    {
        using var closed = new Socket(SocketType.Stream, ProtocolType.Tcp);
        closed.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var nobody = closed.LocalEndPoint!.ToString()!;
        await using var proxy = await TestServer.StartAsync(async context =>
        {
            var result = await _upstream.ForwardAsync(context, new UpstreamTarget(nobody, Http2: false), default);
            await context.Response.WriteAsync(
                $"{result} {context.Response.StatusCode} {await new StreamReader(context.Request.Body).ReadToEndAsync()}"
            );
        });

        using var request = Request(HttpMethod.Post, proxy, "/");
        request.Content = new StringContent("unread");
        using var response = await _client.SendAsync(request);

        (await response.Content.ReadAsStringAsync()).Should().Be("NotConnected 200 unread");
    }

    [Test]
    public async Task Answers_502_when_the_destination_hangs_up()
    {
        await using var destination = await TestServer.StartAsync(context =>
        {
            context.Abort();
            return Task.CompletedTask;
        });
        UpstreamResult? result = null;
        await using var proxy = await TestServer.ProxyAsync(_upstream, destination.Address, outcome => result = outcome);

        using var response = await _client.SendAsync(Request(HttpMethod.Post, proxy, "/"));

        response.StatusCode.Should().Be(HttpStatusCode.BadGateway);
        await Eventually.HoldsAsync(() => result.Should().Be(UpstreamResult.Failed));
    }

    [Test]
    public async Task Ends_the_request_at_the_destination_when_the_client_goes()
    {
        var (arrived, aborted) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var destination = await TestServer.StartAsync(async context =>
        {
            await using var registration = context.RequestAborted.Register(aborted.SetResult);
            arrived.SetResult();
            await aborted.Task;
        });
        UpstreamResult? result = null;
        await using var proxy = await TestServer.ProxyAsync(_upstream, destination.Address, outcome => result = outcome);

        using var cancel = new CancellationTokenSource();
        var sending = _client.SendAsync(Request(HttpMethod.Get, proxy, "/"), cancel.Token);
        await arrived.Task;
        await cancel.CancelAsync();

        await aborted.Task.WaitAsync(TimeSpan.FromSeconds(20));
        await Eventually.HoldsAsync(() => result.Should().Be(UpstreamResult.Canceled));
        await FluentActions.Awaiting(() => sending).Should().ThrowAsync<OperationCanceledException>();
    }

    [Test]
    public async Task Changes_host_and_headers_when_the_target_says_so()
    {
        await using var destination = await TestServer.StartAsync(context =>
            context.Response.WriteAsync(
                $"{context.Request.Host} {context.Request.Headers["X-Set"]} {context.Request.Headers.ContainsKey("X-Gone")}"
            )
        );
        await using var proxy = await TestServer.StartAsync(async context =>
            await _upstream.ForwardAsync(
                context,
                new UpstreamTarget(destination.Address, Http2: false)
                {
                    Host = "other.example",
                    SetHeaders = [new("X-Set", "new")],
                    RemoveHeaders = ["X-Gone"],
                },
                default
            )
        );

        using var request = Request(HttpMethod.Get, proxy, "/");
        request.Headers.Add("X-Set", "old");
        request.Headers.Add("X-Gone", "here");
        using var response = await _client.SendAsync(request);

        (await response.Content.ReadAsStringAsync()).Should().Be("other.example new False");
    }

    [Test]
    public async Task Uses_its_connections_again()
    {
        var connections = new HashSet<string>();
        await using var destination = await TestServer.StartAsync(context =>
        {
            lock (connections)
                connections.Add(context.Connection.Id);
            return context.Response.WriteAsync("ok");
        });
        await using var proxy = await TestServer.ProxyAsync(_upstream, destination.Address);

        for (var i = 0; i < 10; i++)
            (await _client.GetStringAsync(new Uri($"http://{proxy.Address}/"))).Should().Be("ok");

        connections.Should().ContainSingle();
    }

    private static HttpRequestMessage Request(HttpMethod method, TestServer server, string target, int version = 1) =>
        new(
            method,
            new Uri($"http://{server.Address}{target}", new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true })
        )
        {
            Version = new Version(version, version == 1 ? 1 : 0),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
}
