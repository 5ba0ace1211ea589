using System.Net;
using System.Net.Sockets;
using FluentAssertions;
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

    [Test]
    public void Large_heads_never_take_the_room_of_ordinary_ones()
    {
        var budget = new HeadBudget(1024 * 1024);

        while (budget.TryTake(200 * 1024)) { }

        budget.Used.Should().BeLessThanOrEqualTo(512 * 1024);
        budget.TryTake(4 * 1024).Should().BeTrue();
        budget.TryGrow(4 * 1024, 900 * 1024).Should().BeFalse("a head that grows is judged by all of it");
        budget.Return(budget.Used);
        budget.TryTake(200 * 1024).Should().BeTrue();
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
                MaxHeaderBytes = 256 * 1024,
            },
            context => context.Request.Headers.ContainsKey("x-large") ? go.Task : Task.CompletedTask
        );
        await server.StartAsync(default);
        using var metrics = new CollectedMetrics("Serving.Dataplane");
        using var client = await RawHttp2.ConnectAsync(server.Endpoints[0]);

        try
        {
            for (var i = 0; i < 40; i++)
                await client.SendAsync(RawHttp2.Frame(1, RawHttp2.EndStream | RawHttp2.EndHeaders, 1 + (2 * i), Amplified(first: i == 0)));
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
        await other.SendAsync(RawHttp2.Frame(1, RawHttp2.EndStream | RawHttp2.EndHeaders, 3, Amplified(first: true)));
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
                MaxHeaderBytes = 256 * 1024,
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

    [Test]
    public async Task What_is_decoded_of_a_head_before_it_ends_is_in_the_budget()
    {
        var budget = new HeadBudget(1024 * 1024);
        await using var server = new DataplaneServer(
            new DataplaneServerOptions
            {
                Endpoints = [new(IPAddress.Loopback, 0)],
                HeadBudget = budget,
                MaxHeaderBytes = 256 * 1024,
            },
            _ => Task.CompletedTask
        );
        await server.StartAsync(default);
        using var client = await RawHttp2.ConnectAsync(server.Endpoints[0]);

        await client.SendAsync(
            RawHttp2.Frame(
                1,
                RawHttp2.EndStream,
                1,
                [.. RawHttp2.Literals(Get), .. RawHttp2.Indexed("x-large", new string('a', 3900)), .. RawHttp2.Repeat(40)]
            )
        );
        await Eventually.HoldsAsync(() => budget.Used.Should().BeGreaterThan(41 * 2 * 3900), Limit);
        await client.SendAsync(RawHttp2.Frame(9, 0, 1, RawHttp2.Repeat(40)));
        await client.Closed.WaitAsync(Limit);

        await Eventually.HoldsAsync(() => budget.Used.Should().Be(0), Limit);
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

    private static byte[] Amplified(bool first) =>
        [
            .. RawHttp2.Literals(Get),
            .. first ? RawHttp2.Indexed("x-large", new string('a', 3900)) : RawHttp2.Repeat(1),
            .. RawHttp2.Repeat(61),
        ];

    private static async Task<DataplaneServer> ImpatientAsync()
    {
        var server = new DataplaneServer(
            new DataplaneServerOptions { Endpoints = [new(IPAddress.Loopback, 0)], HeadersTimeout = TimeSpan.FromSeconds(2) },
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
