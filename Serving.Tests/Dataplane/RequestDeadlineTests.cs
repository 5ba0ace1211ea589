using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Dataplane.Requests;
using Serving.Dataplane.Upstreams;
using Serving.Tests.Support;

namespace Serving.Tests.Dataplane;

/// <summary>Timeouts as seen by a client, over real sockets and in virtual time: client, proxy, destination.</summary>
[CancelAfter(60_000)]
[Category("Slow")]
public sealed class RequestDeadlineTests
{
    private const string Text = "request timeout";

    private static readonly TimeSpan Never = TimeSpan.Zero;
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(10);

    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(30) };
    private ManualTimeProvider _time = new();
    private readonly IUpstream _upstream = Upstreams.Create(new UpstreamOptions());

    [SetUp]
    public void StartTime() => _time = new ManualTimeProvider();

    [OneTimeTearDown]
    public void Dispose()
    {
        _client.Dispose();
        (_upstream as IDisposable)?.Dispose();
    }

    [Test]
    public async Task A_response_that_has_begun_ends_with_the_text_as_if_it_were_whole(
        [Values(1, 2)] int version,
        [Values(1, 2)] int upstreamVersion,
        [Values("total", "idle")] string bound
    )
    {
        await using var destination = await TestServer.StartAsync(context => BeginAsync(context, "a"));
        await using var proxy = await ProxyAsync(
            destination,
            bound == "total" ? new(Bound, Never, Never) : new(Never, Never, Bound),
            upstreamVersion == 2
        );

        using var response = await GetAsync(proxy, version);
        await using var body = await response.Content.ReadAsStreamAsync();
        using var reader = new StreamReader(body);
        var first = new char[1];
        await reader.ReadBlockAsync(first);
        _time.Advance(Bound);

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        (new string(first) + await reader.ReadToEndAsync()).Should().Be("a" + Text);
    }

    [Test]
    public async Task A_response_whose_client_has_only_its_headers_ends_with_the_text([Values(1, 2)] int version)
    {
        await using var destination = await TestServer.StartAsync(context => BeginAsync(context, ""));
        await using var proxy = await ProxyAsync(destination, new(Bound, Never, Never), version == 2);

        using var response = await GetAsync(proxy, version);
        _time.Advance(Bound);

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        (await response.Content.ReadAsStringAsync()).Should().Be(Text);
    }

    [Test]
    public async Task The_connection_serves_on_after_a_response_that_time_ended()
    {
        await using var destination = await TestServer.StartAsync(context => BeginAsync(context, "a"));
        await using var proxy = await ProxyAsync(destination, new(Bound, Never, Never));
        using var socket = await ConnectAsync(proxy);

        foreach (var _ in Enumerable.Range(0, 2))
        {
            await socket.WriteAsync("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
            await socket.ReadUntilAsync("1\r\na\r\n");
            _time.Advance(Bound);
            (await socket.ReadUntilAsync("\r\n0\r\n\r\n")).Should().Be($"f\r\n{Text}\r\n0\r\n\r\n");
        }
    }

    [Test]
    public async Task A_response_with_a_promised_length_is_cut([Values(1, 2)] int version)
    {
        await using var destination = await TestServer.StartAsync(context =>
        {
            context.Response.ContentLength = 100;
            return BeginAsync(context, "a");
        });
        await using var proxy = await ProxyAsync(destination, new(Bound, Never, Never), version == 2);

        using var response = await GetAsync(proxy, version);
        _time.Advance(Bound);

        await FluentActions.Awaiting(() => response.Content.ReadAsStringAsync()).Should().ThrowAsync<HttpRequestException>();
    }

    [Test]
    public async Task A_stream_of_gRPC_ends_with_a_status()
    {
        await using var destination = await TestServer.StartAsync(context =>
        {
            context.Response.ContentType = "application/grpc+proto";
            return BeginAsync(context, "\0\0\0\0\0");
        });
        await using var proxy = await ProxyAsync(destination, new(Bound, Never, Never), http2: true);

        using var response = await GetAsync(proxy, 2);
        _time.Advance(Bound);

        (await response.Content.ReadAsByteArrayAsync()).Should().Equal(new byte[5]);
        response.TrailingHeaders.GetValues("grpc-status").Should().Equal("4");
        response.TrailingHeaders.GetValues("grpc-message").Should().Equal(Text);
    }

    [Test]
    public async Task A_response_that_has_not_begun_is_504(
        [Values(1, 2)] int version,
        [Values("total", "response start", "idle")] string bound
    )
    {
        var arrived = new TaskCompletionSource();
        await using var destination = await TestServer.StartAsync(context =>
        {
            arrived.TrySetResult();
            return ForeverAsync(context);
        });
        RequestTimeouts timeouts = bound switch
        {
            "total" => new(Bound, Never, Never),
            "idle" => new(Never, Never, Bound),
            _ => new(Never, Bound, Never),
        };
        await using var proxy = await ProxyAsync(destination, timeouts, version == 2);

        var responding = GetAsync(proxy, version);
        await arrived.Task;
        _time.Advance(Bound);
        using var response = await responding;

        response.StatusCode.Should().Be(HttpStatusCode.GatewayTimeout);
        (await response.Content.ReadAsStringAsync()).Should().Be(Text);
    }

    [Test]
    public async Task A_response_that_has_begun_has_no_bound_on_its_start()
    {
        var go = new TaskCompletionSource();
        await using var destination = await TestServer.StartAsync(async context =>
        {
            await context.Response.WriteAsync("a");
            await context.Response.Body.FlushAsync();
            await go.Task;
            await context.Response.WriteAsync("b");
        });
        await using var proxy = await ProxyAsync(destination, new(Never, Bound, Never));

        using var response = await GetAsync(proxy);
        _time.Advance(Bound * 2);
        go.SetResult();

        (await response.Content.ReadAsStringAsync()).Should().Be("ab");
    }

    [Test]
    public async Task A_client_that_takes_nothing_of_the_response_is_cut_a_moment_later()
    {
        await using var destination = await TestServer.StartAsync(async context =>
        {
            var block = new byte[1024 * 1024];
            while (!context.RequestAborted.IsCancellationRequested)
                await context.Response.Body.WriteAsync(block);
        });
        var ended = new TaskCompletionSource();
        await using var proxy = await ProxyAsync(destination, new(Bound, Never, Never), ended: ended);
        using var socket = await ConnectAsync(proxy);
        await socket.WriteAsync("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        await Eventually.HoldsAsync(() => _time.ActiveTimers.Should().Be(1));

        _time.Advance(Bound);
        _time.Advance(TimeSpan.FromSeconds(5));

        await ended.Task.WaitAsync(TimeSpan.FromSeconds(20));
    }

    [Test]
    public async Task A_response_that_is_whole_when_time_is_up_stays_as_it_is()
    {
        await using var proxy = await TestServer.StartAsync(async context =>
        {
            var deadline = RequestDeadline.Start(context, new(Bound, Never, Never), _time);
            await context.Response.WriteAsync("all");
            _time.Advance(Bound);
            await deadline.CompleteAsync(whole: true, Text);
        });

        (await _client.GetStringAsync(new Uri($"http://{proxy.Address}/"))).Should().Be("all");
    }

    [Test]
    public async Task Messages_in_either_direction_keep_a_WebSocket_from_being_idle([Values(1, 2)] int version)
    {
        await using var destination = await TestServer.StartAsync(context => WebSockets.EchoAsync(context, default));
        await using var proxy = await ProxyAsync(destination, new(Never, Never, TimeSpan.FromSeconds(3)));
        using var socket = await WebSockets.ConnectAsync(new Uri($"ws://{proxy.Address}/"), version);

        for (var second = 0; second < 10; second++)
        {
            (await socket.AskAsync($"message {second}")).Should().Be($"message {second}");
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        _time.Advance(TimeSpan.FromSeconds(2));
        await FluentActions.Awaiting(() => socket.NextAsync()).Should().ThrowAsync<WebSocketException>();
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task Messages_of_one_side_alone_keep_a_WebSocket_from_being_idle(bool ofClient)
    {
        using var received = new SemaphoreSlim(0);
        using var push = new SemaphoreSlim(0);
        await using var destination = await TestServer.StartAsync(async context =>
        {
            using var socket = await WebSockets.AcceptAsync(context);
            while (true)
            {
                if (ofClient)
                    await socket.NextAsync();
                else
                    await push.WaitAsync(context.RequestAborted);
                if (ofClient)
                    received.Release();
                else
                    await socket.SendTextAsync("pushed");
            }
        });
        await using var proxy = await ProxyAsync(destination, new(Never, Never, TimeSpan.FromSeconds(3)));
        using var socket = await WebSockets.ConnectAsync(new Uri($"ws://{proxy.Address}/"));

        for (var second = 0; second < 10; second++)
        {
            if (ofClient)
            {
                await socket.SendTextAsync("sent");
                (await received.WaitAsync(TimeSpan.FromSeconds(20))).Should().BeTrue();
            }
            else
            {
                push.Release();
                (await socket.NextAsync()).Should().Be("pushed");
            }

            _time.Advance(TimeSpan.FromSeconds(1));
        }
    }

    [Test]
    public async Task The_start_of_a_WebSocket_is_the_first_byte_of_the_program_after_the_upgrade(
        [Values(1, 2)] int version,
        [Values] bool programSpeaks
    )
    {
        await using var destination = await TestServer.StartAsync(async context =>
        {
            using var socket = await WebSockets.AcceptAsync(context);
            if (programSpeaks)
                await socket.SendTextAsync("hello");
            await ForeverAsync(context);
        });
        await using var proxy = await ProxyAsync(destination, new(Never, Bound, Never));
        using var socket = await WebSockets.ConnectAsync(new Uri($"ws://{proxy.Address}/"), version);

        await socket.SendTextAsync("what the client says does not count");
        if (programSpeaks)
            (await socket.NextAsync()).Should().Be("hello");
        _time.Advance(Bound);

        if (programSpeaks)
        {
            proxy.Server.RequestsInFlight.Should().Be(1);
            _time.ActiveTimers.Should().Be(0, "nothing bounds it any more");
        }
        else
        {
            await FluentActions.Awaiting(() => socket.NextAsync()).Should().ThrowAsync<WebSocketException>();
        }
    }

    [Test]
    public async Task A_WebSocket_ends_when_its_whole_time_is_up([Values(1, 2)] int version)
    {
        await using var destination = await TestServer.StartAsync(context => WebSockets.EchoAsync(context, default));
        var ended = new TaskCompletionSource();
        await using var proxy = await ProxyAsync(destination, new(Bound, Never, Never), ended: ended);
        using var socket = await WebSockets.ConnectAsync(new Uri($"ws://{proxy.Address}/"), version);
        (await socket.AskAsync("hello")).Should().Be("hello");

        _time.Advance(Bound);

        await FluentActions.Awaiting(() => socket.NextAsync()).Should().ThrowAsync<WebSocketException>();
        await ended.Task.WaitAsync(TimeSpan.FromSeconds(20));
    }

    private static async Task BeginAsync(HttpContext context, string text)
    {
        if (text.Length != 0)
            await context.Response.WriteAsync(text);
        await context.Response.Body.FlushAsync();
        await ForeverAsync(context);
    }

    private static Task ForeverAsync(HttpContext context) =>
        Task.Delay(Timeout.InfiniteTimeSpan, context.RequestAborted).ContinueWith(static _ => { }, TaskScheduler.Default);

    private Task<TestServer> ProxyAsync(
        TestServer destination,
        RequestTimeouts timeouts,
        bool http2 = false,
        TaskCompletionSource? ended = null
    ) =>
        TestServer.StartAsync(async context =>
        {
            var deadline = RequestDeadline.Start(context, timeouts, _time);
            var whole = false;
            try
            {
                whole =
                    await _upstream.ForwardAsync(context, new UpstreamTarget(destination.Address, http2), deadline.Token)
                    != UpstreamResult.Canceled;
            }
            finally
            {
                await deadline.CompleteAsync(whole, Text);
                ended?.TrySetResult();
            }
        });

    private static async Task<RawDestination.RawConnection> ConnectAsync(TestServer server)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(server.EndPoint);
        return new RawDestination.RawConnection(socket);
    }

    private Task<HttpResponseMessage> GetAsync(TestServer proxy, int version = 1)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, $"http://{proxy.Address}/")
        {
            Version = new Version(version, version == 1 ? 1 : 0),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        return _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }
}
