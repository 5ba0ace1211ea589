using System.Globalization;
using System.Net;
using System.Net.Sockets;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Benchmarks.Soak;
using Serving.Dataplane.Servers;
using Serving.Dataplane.Upstreams;
using Serving.Tests.Support;

namespace Serving.Tests.Dataplane;

/// <summary>The limit on the total memory of request heads.</summary>
[TestFixture]
[CancelAfter(60_000)]
[Category("Slow")]
[Parallelizable]
public sealed class HeadBudgetTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private static readonly (string Name, string Value)[] Get =
    [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "a"),
    ];

    private static readonly string Value = new('a', 3900);

    [Test]
    public void Large_heads_never_take_the_room_of_ordinary_ones()
    {
        var budget = new HeadBudget(1024 * 1024);

        while (budget.TryTake(70 * 1024)) { }

        budget.Used.Should().BeLessThanOrEqualTo(256 * 1024);
        budget.TryTake(4 * 1024).Should().BeTrue();
        budget.TryGrow(4 * 1024, 900 * 1024).Should().BeFalse("a head that grows is judged by all of it");
        budget.Return(budget.Used);
        budget.TryTake(200 * 1024).Should().BeTrue();
        budget.Return(budget.Used);
        while (budget.TryTake(20 * 1024)) { }
        budget.Used.Should().BeGreaterThan(256 * 1024).And.BeLessThanOrEqualTo(512 * 1024);
    }

    [Test]
    public async Task Heads_that_are_large_together_end_their_connection_while_they_are_held_and_ordinary_requests_are_served()
    {
        var budget = new HeadBudget(4 * 1024 * 1024);
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = new DataplaneServer(
            new DataplaneServerOptions
            {
                Endpoints = [new(IPAddress.Loopback, 0)],
                HeadBudget = budget,
                Limits = new ServerLimits { MaxHeaderBytes = 256 * 1024 },
            },
            context => context.Request.Headers.ContainsKey("x-large") ? go.Task : Task.CompletedTask
        );
        await server.StartAsync(default);
        using var metrics = new CollectedMetrics("Serving.Dataplane");
        using var client = await RawHttp2.ConnectAsync(server.Endpoints[0]);

        try
        {
            for (var i = 0; i < 40; i++)
                await client.SendAsync(RawHttp2.Frame(1, RawHttp2.EndStream | RawHttp2.EndHeaders, 1 + (2 * i), Large(first: i == 0)));
        }
        catch (SocketException)
        {
            // It was closed before everything was sent.
        }

        await client.Closed.WaitAsync(Limit);

        budget.Used.Should().BeLessThanOrEqualTo(2 * 1024 * 1024);
        metrics.Collect()["serving.requests.refused{reason=head-budget}"].Should().BePositive();
        using var other = await RawHttp2.ConnectAsync(server.Endpoints[0]);
        await other.RequestAsync(1, Get);
        await other.Response(1).Ended.WaitAsync(Limit);
        other.Response(1).Status.Should().Be(200);
        go.SetResult();
        await Eventually.HoldsAsync(() => budget.Used.Should().Be(0), Limit);
        await other.SendAsync(RawHttp2.Frame(1, RawHttp2.EndStream | RawHttp2.EndHeaders, 3, Large(first: true)));
        await other.Response(3).Ended.WaitAsync(Limit);
        other.Response(3).Status.Should().Be(200);
    }

    [Test]
    public async Task A_connection_has_a_bounded_number_of_streams()
    {
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = await TestServer.StartAsync(_ => go.Task);
        using var client = await RawHttp2.ConnectAsync(server.EndPoint);

        for (var i = 0; i < 260; i++)
            await client.RequestAsync(1 + (2 * i), Get);
        await Eventually.HoldsAsync(() => client.Responses.Count(static response => response.ResetCode == 7).Should().Be(10), Limit);

        server.Server.RequestsInFlight.Should().Be(250);
        go.SetResult();
    }

    [TestCase("")]
    [TestCase("PRI * HT")]
    [TestCase("PRI * HTTP/2.0\r\n\r\nSM\r\n\r")]
    [TestCase("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")]
    [TestCase("GET / HTTP/1.1\r\nHost: a\r\nX-Sl")]
    [TestCase("G")]
    public async Task A_connection_without_a_whole_request_is_closed_in_time(string sent)
    {
        await using var server = await ImpatientAsync();
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(server.Endpoints[0]);
        if (sent.Length != 0)
            await socket.SendAsync(System.Text.Encoding.ASCII.GetBytes(sent));

        await ClosedAsync(socket);
    }

    [Test]
    public async Task A_connection_of_HTTP_2_without_a_stream_or_with_a_head_that_does_not_end_is_closed_in_time(
        [Values] bool withHead,
        [Values] bool afterRequest
    )
    {
        await using var server = await ImpatientAsync();
        using var client = await RawHttp2.ConnectAsync(server.Endpoints[0]);
        if (afterRequest)
        {
            await client.RequestAsync(1, Get);
            await client.Response(1).Ended.WaitAsync(Limit);
        }

        if (withHead)
            await client.SendAsync(RawHttp2.Frame(1, RawHttp2.EndStream, 3, RawHttp2.Literals(Get)));
        if (afterRequest && !withHead)
        {
            // A used connection that is idle is kept.
            await client.RequestAsync(3, Get);
            await client.Response(3).Ended.WaitAsync(Limit);
            return;
        }

        await client.Closed.WaitAsync(Limit);
    }

    [Test]
    public async Task A_part_of_a_frame_of_a_head_is_no_request()
    {
        await using var server = await ImpatientAsync();
        using var client = await RawHttp2.ConnectAsync(server.Endpoints[0]);
        await client.SendAsync(RawHttp2.Frame(1, RawHttp2.EndStream | RawHttp2.EndHeaders, 1, RawHttp2.Literals(Get)).AsMemory(0, 20));

        await client.Closed.WaitAsync(Limit);
    }

    [Test]
    public async Task Few_connections_at_once_may_be_within_a_head_of_several_frames()
    {
        await using var server = new DataplaneServer(
            new DataplaneServerOptions
            {
                Endpoints = [new(IPAddress.Loopback, 0)],
                HeadBudget = new HeadBudget(1024 * 1024),
                Limits = new ServerLimits { MaxHeaderBytes = 256 * 1024 },
            },
            _ => Task.CompletedTask
        );
        await server.StartAsync(default);
        var clients = new List<RawHttp2>();
        for (var i = 0; i < 10; i++)
        {
            clients.Add(await RawHttp2.ConnectAsync(server.Endpoints[0]));
            await clients[^1].SendAsync(RawHttp2.Frame(1, RawHttp2.EndStream, 1, RawHttp2.Literals(Get)));
        }

        await Eventually.HoldsAsync(() => clients.Count(static client => client.Closed.IsCompleted).Should().Be(6), Limit);
        var open = clients.First(static client => !client.Closed.IsCompleted);
        await open.SendAsync(RawHttp2.Frame(9, RawHttp2.EndHeaders, 1, RawHttp2.Literals(("x-more", "1"))));
        await open.Response(1).Ended.WaitAsync(Limit);

        open.Response(1).Status.Should().Be(200);
        using var another = await RawHttp2.ConnectAsync(server.Endpoints[0]);
        await another.SendAsync(RawHttp2.Frame(1, RawHttp2.EndStream, 1, RawHttp2.Literals(Get)));
        await another.SendAsync(RawHttp2.Frame(9, RawHttp2.EndHeaders, 1, RawHttp2.Literals(("x-more", "1"))));
        await another.Response(1).Ended.WaitAsync(Limit);
        another.Response(1).Status.Should().Be(200);
        clients.ForEach(static client => client.Dispose());
    }

    // It expects that nothing at all is refused, and the metrics are those of the process.
    [Test]
    [NonParallelizable]
    public async Task What_is_decoded_of_a_head_before_it_ends_is_in_the_budget()
    {
        var budget = new HeadBudget(512 * 1024);
        await using var server = new DataplaneServer(
            new DataplaneServerOptions
            {
                Endpoints = [new(IPAddress.Loopback, 0)],
                HeadBudget = budget,
                Limits = new ServerLimits { MaxHeaderBytes = 256 * 1024 },
            },
            _ => Task.CompletedTask
        );
        await server.StartAsync(default);
        using var metrics = new CollectedMetrics("Serving.Dataplane");
        using var client = await RawHttp2.ConnectAsync(server.Endpoints[0]);

        await client.SendAsync(
            RawHttp2.Frame(
                1,
                RawHttp2.EndStream,
                1,
                [
                    .. RawHttp2.Literals([.. Get, ("x-large", Value), ("x-large", Value)]),
                    .. RawHttp2.Indexed("x-large", Value),
                    .. RawHttp2.Repeat(1),
                ]
            )
        );
        await Eventually.HoldsAsync(() => budget.Used.Should().BeGreaterThan(4 * 2 * Value.Length), Limit);
        metrics.Collect().Should().BeEmpty();
        for (var i = 0; i < 15; i++)
            await client.SendAsync(RawHttp2.Frame(9, 0, 1, [.. RawHttp2.Literals(("x-large", Value)), .. RawHttp2.Repeat(1)]));
        await client.Closed.WaitAsync(Limit);

        metrics.Collect().Should().ContainKey("serving.requests.refused{reason=head-budget}");
        await Eventually.HoldsAsync(() => budget.Used.Should().Be(0), Limit);
    }

    [TestCase(3, 1, TestName = "An_entry_of_the_table_that_is_repeated_in_a_head_ends_the_connection(few times)")]
    [TestCase(8, 1, TestName = "An_entry_of_the_table_that_is_repeated_in_a_head_ends_the_connection(in one frame)")]
    [TestCase(1, 8, TestName = "An_entry_of_the_table_that_is_repeated_in_a_head_ends_the_connection(in several frames)")]
    public async Task An_entry_of_the_table_that_is_repeated_in_a_head_ends_the_connection(int repeats, int frames)
    {
        var served = 0;
        await using var server = await TestServer.StartAsync(_ =>
        {
            Interlocked.Increment(ref served);
            return Task.CompletedTask;
        });
        using var metrics = new CollectedMetrics("Serving.Dataplane");
        using var client = await RawHttp2.ConnectAsync(server.EndPoint);

        await client.SendAsync(
            RawHttp2.Frame(1, RawHttp2.EndStream, 1, [.. RawHttp2.Literals(Get), .. RawHttp2.Indexed("x-large", Value)])
        );
        for (var i = 0; i < frames; i++)
            await client.SendAsync(RawHttp2.Frame(9, i == frames - 1 ? RawHttp2.EndHeaders : (byte)0, 1, RawHttp2.Repeat(repeats)));
        await client.Closed.WaitAsync(Limit);

        served.Should().Be(0);
        metrics.Collect().Should().ContainKey("serving.requests.refused{reason=amplified-head}");
    }

    [Test]
    public async Task A_long_name_that_is_repeated_in_a_head_ends_the_connection()
    {
        await using var server = await TestServer.StartAsync(static _ => Task.CompletedTask);
        using var metrics = new CollectedMetrics("Serving.Dataplane");
        using var client = await RawHttp2.ConnectAsync(server.EndPoint);

        await client.SendAsync(
            RawHttp2.Frame(
                1,
                RawHttp2.EndStream | RawHttp2.EndHeaders,
                1,
                [.. RawHttp2.Literals(Get), .. RawHttp2.Indexed("x-" + Value, ""), .. RawHttp2.Repeat(8)]
            )
        );
        await client.Closed.WaitAsync(Limit);

        metrics.Collect().Should().ContainKey("serving.requests.refused{reason=amplified-head}");
    }

    [Test]
    public async Task Requests_that_send_a_full_table_by_index_are_served_without_end()
    {
        await using var server = await TestServer.StartAsync(static context =>
            context.Response.WriteAsync(context.Request.Headers["x-large"].ToString().Length.ToString(CultureInfo.InvariantCulture))
        );
        using var client = await RawHttp2.ConnectAsync(server.EndPoint);
        var first = RawHttp2.Frame(
            1,
            RawHttp2.EndStream | RawHttp2.EndHeaders,
            1,
            [.. RawHttp2.Literals(Get), .. RawHttp2.Indexed("x-large", Value)]
        );
        var next = new List<byte>();

        await client.SendAsync(first);
        for (var i = 1; i <= 100; i++)
            next.AddRange(
                RawHttp2.Frame(1, RawHttp2.EndStream | RawHttp2.EndHeaders, 1 + (2 * i), [.. RawHttp2.Literals(Get), .. RawHttp2.Repeat(1)])
            );
        await client.SendAsync(next.ToArray());
        for (var i = 0; i <= 100; i++)
        {
            await client.Response(1 + (2 * i)).Ended.WaitAsync(Limit);
            client.Response(1 + (2 * i)).Body.Should().Be("3900");
        }
    }

    [Test]
    public async Task Heads_of_responses_are_in_the_budget()
    {
        using var destination = new RawDestination();
        var budget = new HeadBudget(300 * 1024);
        var upstream = Upstreams.Create(new UpstreamOptions { HeadBudget = budget });
        using var _ = upstream as IDisposable;
        await using var proxy = await TestServer.ProxyAsync(upstream, destination.Address);
        using var client = new HttpClient();

        var large = client.GetAsync(new Uri($"http://{proxy.Address}/"));
        await destination.AnswerAsync($"HTTP/1.1 200 OK\r\nX-Large: {new string('a', 200 * 1024)}\r\nContent-Length: 0\r\n\r\n");
        using var refused = await large;
        var small = client.GetAsync(new Uri($"http://{proxy.Address}/"));
        await destination.AnswerAsync($"HTTP/1.1 200 OK\r\nX-Some: {new string('a', 20 * 1024)}\r\nContent-Length: 0\r\n\r\n");
        using var passed = await small;

        refused.StatusCode.Should().Be(HttpStatusCode.BadGateway);
        passed.StatusCode.Should().Be(HttpStatusCode.OK);
        budget.Used.Should().Be(0);
    }

    // 27 KB in 12 KB, about as much as HPACK allows.
    private static byte[] Large(bool first) =>
        [
            .. RawHttp2.Literals(Get),
            .. first ? RawHttp2.Indexed("x-large", Value) : RawHttp2.Literals(("x-large", Value)),
            .. RawHttp2.Literals(("x-large", Value), ("x-large", Value)),
            .. RawHttp2.Repeat(4),
        ];

    private static async Task<DataplaneServer> ImpatientAsync()
    {
        var server = new DataplaneServer(
            new DataplaneServerOptions
            {
                Endpoints = [new(IPAddress.Loopback, 0)],
                Limits = new ServerLimits { HeadersTimeout = TimeSpan.FromSeconds(2) },
            },
            _ => Task.CompletedTask
        );
        await server.StartAsync(default);
        return server;
    }

    private static async Task ClosedAsync(Socket socket)
    {
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            while (await socket.ReceiveAsync(new byte[4096], limit.Token) != 0) { }
        }
        catch (SocketException)
        {
            // A reset also counts as closed.
        }
    }
}
