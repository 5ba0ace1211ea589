using System.Net;
using System.Net.WebSockets;
using FluentAssertions;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using NUnit.Framework;
using Serving.Dataplane;
using Serving.Dataplane.Upstreams;
using Serving.Dataplane.Upstreams.Http2;
using Serving.Tests.Support;

namespace Serving.Tests.Dataplane;

/// <summary>How the HTTP/2 upstream handles servers that refuse requests, end sessions, or abort.</summary>
[TestFixture]
[CancelAfter(60_000)]
public sealed class Http2UpstreamTests
{
    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(40) };
    private RecordingLogs _logs = null!;
    private readonly HttpMessageInvoker _invoker = new(new SocketsHttpHandler { UseProxy = false });
    private IUpstream _upstream = null!;
    private Http2Frames _destination = null!;
    private UpstreamResult? _result;
    private TestServer _proxy = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _result = null;
        _upstream = Upstreams.Create(new UpstreamOptions { LoggerFactory = _logs = new RecordingLogs() });
        _destination = new Http2Frames();
        _proxy = await TestServer.ProxyAsync(_upstream, _destination.Address, result => _result = result);
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _proxy.DisposeAsync();
        _destination.Dispose();
        ((IDisposable)_upstream).Dispose();
        _logs.Dispose();
    }

    [OneTimeTearDown]
    public void Dispose()
    {
        _client.Dispose();
        _invoker.Dispose();
    }

    [Test]
    public async Task Sends_a_request_with_its_body_again_that_was_refused_unprocessed([Values] bool goAway)
    {
        var posting = PostAsync(20_000);
        using var first = await _destination.AcceptAsync();
        var refused = await first.RequestAsync();
        (await first.BodyLengthAsync(refused)).Should().Be(20_000);
        if (goAway)
            await first.GoAwayAsync(last: 0, code: 0);
        else
            await first.ResetAsync(refused, 7);

        using var second = goAway ? await _destination.AcceptAsync() : null;
        var connection = second ?? first;
        var id = await connection.RequestAsync();
        (await connection.BodyLengthAsync(id)).Should().Be(20_000);
        await connection.WriteAsync(Http2Frames.Headers, Http2Frames.EndHeaders | Http2Frames.EndStream, id, Http2Frames.Status200);

        using var response = await posting;
        response.StatusCode.Should().Be(HttpStatusCode.OK);
        await Eventually.HoldsAsync(() => _result.Should().Be(UpstreamResult.Done));
    }

    [Test]
    public async Task Sends_nothing_again_that_may_have_been_processed([Values("GET", "POST")] string method)
    {
        var sending = _client.SendAsync(Request(new HttpMethod(method)));
        using (var first = await _destination.AcceptAsync())
            await first.RequestAsync();

        using var response = await sending;
        response.StatusCode.Should().Be(HttpStatusCode.BadGateway);
        (await response.Content.ReadAsStringAsync()).Should().Be("the program ended the connection or the stream without a response\n");
        await Eventually.HoldsAsync(() => _result.Should().Be(UpstreamResult.Failed));
        _destination.IsWaitedFor.Should().BeFalse();
    }

    [TestCase("GET", true)]
    [TestCase("POST", false)]
    public async Task Sends_a_request_once_more_that_met_the_end_of_a_used_session_only_when_it_is_idempotent(string method, bool again)
    {
        using var first = await UsedSessionAsync();
        var sending = _client.SendAsync(Request(new HttpMethod(method)));
        await first.RequestAsync();
        first.Dispose();

        if (again)
        {
            using var second = await _destination.AcceptAsync();
            await second.RequestAsync();
        }

        using var response = await sending;
        response.StatusCode.Should().Be(HttpStatusCode.BadGateway, "twice is the most");
        _destination.IsWaitedFor.Should().BeFalse();
    }

    [TestCase("GET", UpstreamResult.Lost)]
    [TestCase("POST", UpstreamResult.Failed)]
    public async Task A_queue_proxy_that_dies_with_a_request_on_a_new_session_has_lost_it(string method, UpstreamResult expected)
    {
        await using var proxy = await TestServer.StartAsync(async context =>
            _result = await _upstream.ForwardAsync(
                context,
                new UpstreamTarget(_destination.Address, Http2: true) { IsQueueProxy = true },
                context.RequestAborted
            )
        );
        var request = Request(new HttpMethod(method));
        request.RequestUri = new Uri($"http://{proxy.Address}/");
        var sending = _client.SendAsync(request);
        using (var session = await _destination.AcceptAsync())
            await session.RequestAsync();

        using var response = await sending;

        await Eventually.HoldsAsync(() => _result.Should().Be(expected));
        _destination.IsWaitedFor.Should().BeFalse("the caller chooses where it goes next");
    }

    [Test]
    public async Task Sends_what_was_sent_before_on_a_new_session()
    {
        using var used = await UsedSessionAsync();
        var request = Request(HttpMethod.Get);
        request.Headers.Add(DataplaneHeaders.Resent, "true");
        var sending = _client.SendAsync(request);

        using var made = await _destination.AcceptAsync();
        await made.WriteAsync(
            Http2Frames.Headers,
            Http2Frames.EndHeaders | Http2Frames.EndStream,
            await made.RequestAsync(),
            Http2Frames.Status200
        );

        using var response = await sending;
        response.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Test]
    public async Task What_a_server_says_before_it_closes_is_heard_though_a_request_crosses_the_end()
    {
        using var used = await UsedSessionAsync();
        var posting = PostAsync(20_000);
        var id = await used.RequestAsync();
        await used.GoAwayAsync((byte)(id - 2), code: 0);
        used.Cut();

        using var second = await _destination.AcceptAsync();
        id = await second.RequestAsync();
        (await second.BodyLengthAsync(id)).Should().Be(20_000);
        await second.WriteAsync(Http2Frames.Headers, Http2Frames.EndHeaders | Http2Frames.EndStream, id, Http2Frames.Status200);
        using var response = await posting;
        response.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Test]
    public async Task A_write_that_fails_leaves_what_has_arrived_to_be_read()
    {
        await using var connection = new BrokenPipe("goaway"u8.ToArray());
        await using var session = new SessionStream(connection);

        await session.WriteAsync("request"u8.ToArray());
        await session.WriteAsync("more"u8.ToArray());

        var read = new byte[10];
        (await session.ReadAsync(read)).Should().Be(6);
        (await session.ReadAsync(read)).Should().Be(0);
    }

    [Test]
    public async Task A_request_that_a_session_still_processes_ends_well_though_the_session_ends()
    {
        var getting = _client.SendAsync(Request(HttpMethod.Get));
        using var first = await _destination.AcceptAsync();
        var id = await first.RequestAsync();
        await first.GoAwayAsync((byte)id, code: 0);
        await first.WriteAsync(Http2Frames.Headers, Http2Frames.EndHeaders, id, Http2Frames.Status200);
        await first.WriteAsync(Http2Frames.Data, Http2Frames.EndStream, id, "ok"u8.ToArray());

        (await (await getting).Content.ReadAsStringAsync()).Should().Be("ok");
    }

    [Test]
    public async Task A_response_that_was_delivered_is_no_failure_though_the_server_wants_no_more_of_the_request()
    {
        var body = new System.IO.Pipelines.Pipe();
        await body.Writer.WriteAsync("some"u8.ToArray());
        var request = Request(HttpMethod.Post);
        request.Content = new StreamContent(body.Reader.AsStream());
        var posting = _client.SendAsync(request);
        using var first = await _destination.AcceptAsync();
        var id = await first.RequestAsync();
        await first.WriteAsync(Http2Frames.Headers, Http2Frames.EndHeaders | Http2Frames.EndStream, id, Http2Frames.Status200);
        await first.ResetAsync(id, 0);

        using var response = await posting;
        response.StatusCode.Should().Be(HttpStatusCode.OK);
        await Eventually.HoldsAsync(() => _result.Should().Be(UpstreamResult.Done));
        _logs.Text.Should().NotContain("Warning ").And.NotContain("Error ");
    }

    [Test]
    public async Task Passes_on_the_headers_of_a_gRPC_stream_that_is_silent_at_first()
    {
        var go = new TaskCompletionSource();
        await using var destination = await TestServer.StartAsync(async context =>
        {
            context.Response.ContentType = "application/grpc";
            await context.Response.StartAsync();
            await context.Response.Body.FlushAsync();
            await go.Task;
            context.Response.AppendTrailer("grpc-status", "0");
        });
        await using var proxy = await TestServer.ProxyAsync(_upstream, destination.Address);

        var request = Request(HttpMethod.Post);
        request.RequestUri = new Uri($"http://{proxy.Address}/");
        using var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        go.SetResult();

        await response.Content.ReadAsByteArrayAsync();
        response.TrailingHeaders.GetValues("grpc-status").Should().Equal("0");
    }

    [Test]
    public async Task Leaves_a_gRPC_response_of_trailers_only_in_one_header_block()
    {
        await using var destination = await TestServer.StartAsync(context =>
        {
            context.Response.ContentType = "application/grpc";
            context.Response.Headers["grpc-status"] = "5";
            return Task.CompletedTask;
        });
        await using var proxy = await TestServer.ProxyAsync(_upstream, destination.Address);

        var request = Request(HttpMethod.Post);
        request.RequestUri = new Uri($"http://{proxy.Address}/");
        using var response = await _client.SendAsync(request);

        response.Headers.GetValues("grpc-status").Should().Equal("5");
        (await response.Content.ReadAsByteArrayAsync()).Should().BeEmpty();
    }

    [TestCase("POST")]
    [TestCase("GET")]
    public async Task No_request_fails_while_the_server_ends_its_sessions_all_the_time(string method)
    {
        var body = method == "POST" ? new byte[3000] : [];
        var requests = 0;
        await using var destination = await TestServer.StartAsync(async context =>
        {
            if (Interlocked.Increment(ref requests) % 5 == 0)
                context.Features.Get<IConnectionLifetimeNotificationFeature>()!.RequestClose();
            await context.Request.Body.CopyToAsync(context.Response.Body);
        });
        await using var proxy = await TestServer.ProxyAsync(_upstream, destination.Address);

        var results = await Task.WhenAll(
            Enumerable
                .Range(0, 8)
                .Select(async _ =>
                {
                    var failed = 0;
                    for (var i = 0; i < 60; i++)
                    {
                        var request = Request(new HttpMethod(method));
                        request.RequestUri = new Uri($"http://{proxy.Address}/");
                        if (body.Length != 0)
                            request.Content = new ByteArrayContent(body);
                        using var response = await _client.SendAsync(request);
                        if (
                            response.StatusCode != HttpStatusCode.OK
                            || (await response.Content.ReadAsByteArrayAsync()).Length != body.Length
                        )
                            failed++;
                    }

                    return failed;
                })
        );

        results.Sum().Should().Be(0, "96 sessions end under 480 requests: {0}", _logs.Text);
    }

    [Test]
    public async Task A_POST_whose_stream_was_reset_without_an_error_is_not_sent_again()
    {
        var requests = 0;
        await using var destination = await TestServer.StartAsync(async context =>
        {
            Interlocked.Increment(ref requests);
            await context.Request.Body.CopyToAsync(Stream.Null);
            context.Features.Get<IHttpResetFeature>()!.Reset(0);
        });
        await using var proxy = await TestServer.ProxyAsync(_upstream, destination.Address);

        var request = Request(HttpMethod.Post);
        request.RequestUri = new Uri($"http://{proxy.Address}/");
        request.Content = new ByteArrayContent(new byte[3000]);
        using var response = await _client.SendAsync(request);

        response.StatusCode.Should().Be(HttpStatusCode.BadGateway);
        requests.Should().Be(1);
    }

    [Test]
    public async Task Passes_a_WebSocket_of_HTTP_2_on_as_it_is_where_the_server_takes_it()
    {
        await using var destination = await TestServer.StartAsync(async context =>
        {
            await using var stream = await context.Features.Get<IHttpExtendedConnectFeature>()!.AcceptAsync();
            using var socket = WebSocket.CreateFromStream(stream, new WebSocketCreationOptions { IsServer = true });
            await socket.SendAsync(
                System.Text.Encoding.ASCII.GetBytes($"{context.Request.Method} {context.Request.Protocol}"),
                WebSocketMessageType.Text,
                true,
                default
            );
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "", default);
        });
        await using var proxy = await TestServer.ProxyAsync(_upstream, destination.Address);

        (await GreetingAsync(proxy)).Should().Be("CONNECT HTTP/2");
    }

    [Test]
    public async Task Passes_a_WebSocket_of_HTTP_2_on_as_an_upgrade_to_a_server_of_HTTP_1()
    {
        using var destination = new RawDestination();
        await using var proxy = await TestServer.ProxyAsync(_upstream, destination.Address);
        using var socket = Http2WebSocket();
        var connecting = socket.ConnectAsync(new Uri($"ws://{proxy.Address}/"), _invoker, default);
        using (var preface = await destination.AcceptAsync())
        {
            await preface.ReadUntilAsync("\r\n\r\n", within: true);
            await preface.WriteAsync("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }

        using var upgrade = await destination.AcceptAsync();
        (await upgrade.ReadUntilAsync("\r\n\r\n")).Should().StartWith("GET / HTTP/1.1\r\n");
        await upgrade.WriteAsync("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        await FluentActions.Awaiting(() => connecting).Should().ThrowAsync<WebSocketException>();
        socket.HttpStatusCode.Should().Be(HttpStatusCode.Forbidden);
    }

    [Test]
    public async Task Passes_headers_with_an_empty_value_and_more_than_one_value_on()
    {
        await using var destination = await TestServer.StartAsync(context =>
        {
            context.Response.Headers["X-Empty"] = "";
            context.Response.Headers["X-Two"] = new[] { "a", "b" };
            return context.Response.WriteAsync($"{context.Request.Headers.ContainsKey("X-Sent-Empty")} {context.Request.Headers.Cookie}");
        });
        await using var proxy = await TestServer.ProxyAsync(_upstream, destination.Address);

        var request = Request(HttpMethod.Get);
        request.RequestUri = new Uri($"http://{proxy.Address}/");
        request.Headers.TryAddWithoutValidation("X-Sent-Empty", "");
        request.Headers.TryAddWithoutValidation("Cookie", ["a=1", "b=2"]);
        using var response = await _client.SendAsync(request);

        (await response.Content.ReadAsStringAsync()).Should().Be("True a=1; b=2");
        response.Headers.GetValues("X-Empty").Should().Equal("");
        response.Headers.GetValues("X-Two").Should().Equal("a", "b");
    }

    private async Task<string> GreetingAsync(TestServer proxy)
    {
        using var socket = Http2WebSocket();
        await socket.ConnectAsync(new Uri($"ws://{proxy.Address}/"), _invoker, default);
        var greeting = new byte[100];
        return System.Text.Encoding.ASCII.GetString(greeting, 0, (await socket.ReceiveAsync(greeting, default)).Count);
    }

    private static ClientWebSocket Http2WebSocket() =>
        new()
        {
            Options =
            {
                HttpVersion = HttpVersion.Version20,
                HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact,
                CollectHttpResponseDetails = true,
            },
        };

    private async Task<Http2Frames.Connection> UsedSessionAsync()
    {
        var getting = _client.SendAsync(Request(HttpMethod.Get));
        var session = await _destination.AcceptAsync();
        await session.WriteAsync(
            Http2Frames.Headers,
            Http2Frames.EndHeaders | Http2Frames.EndStream,
            await session.RequestAsync(),
            Http2Frames.Status200
        );
        (await getting).Dispose();
        return session;
    }

    private Task<HttpResponseMessage> PostAsync(int length)
    {
        var request = Request(HttpMethod.Post);
        request.Content = new ByteArrayContent(new byte[length]);
        return _client.SendAsync(request);
    }

    private HttpRequestMessage Request(HttpMethod method) =>
        new(method, new Uri($"http://{_proxy.Address}/"))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

    /// <summary>A connection that is reset after data has arrived.</summary>
    private sealed class BrokenPipe(byte[] arrived) : MemoryStream(arrived, writable: false)
    {
        public override bool CanWrite => true;

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromException(new IOException("Broken pipe"));
    }
}
