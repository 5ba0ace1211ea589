using System.Net;
using System.Net.Sockets;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Benchmarks.Soak;
using Serving.Dataplane.Statistics;
using Serving.Tests.Dataplane;
using Serving.Tests.Support;

namespace Serving.Tests.QueueProxy;

/// <summary>The sidecar between a client and a user's server; the derived fixture decides what runs it.</summary>
public abstract class SidecarTests
{
    private readonly HttpClient _client = new() { Timeout = TimeSpan.FromSeconds(30) };

    [OneTimeTearDown]
    public void DisposeClient() => _client.Dispose();

    [Test]
    public async Task Passes_requests_on_and_measures_them()
    {
        await using var user = await TestServer.StartAsync(context =>
            context.Response.WriteAsync(
                $"{context.Request.Host} {context.Request.Headers["Forwarded"]} {context.Request.Headers.ContainsKey("Knative-Serving-Revision")}"
            )
        );
        await using var proxy = await StartAsync(user.EndPoint.Port);
        await ReadyAsync(proxy);

        using var request = new HttpRequestMessage(HttpMethod.Get, proxy.Serving);
        request.Headers.Add("K-Original-Host", "hello.example");
        request.Headers.Add("Knative-Serving-Revision", "rev");
        request.Headers.Add("K-Proxy-Request", "activator");
        request.Headers.Add("X-Forwarded-For", "10.1.2.3");
        using var response = await _client.SendAsync(request);

        (await response.Content.ReadAsStringAsync()).Should().Be("hello.example for=10.1.2.3 False");
        await Eventually.HoldsAsync(async () =>
        {
            var stat = StatCodec.Decode(await _client.GetByteArrayAsync(new Uri(proxy.Stats, "metrics")));
            stat.PodName.Should().Be("pod-1");
            stat.ProxiedRequestCount.Should().Be(1);
            stat.RequestCount.Should().Be(1);
        });
    }

    [Test]
    public async Task Reports_its_requests_in_flight_with_each_stat()
    {
        var answered = new TaskCompletionSource();
        await using var user = await TestServer.StartAsync(_ => answered.Task);
        await using var proxy = await StartAsync(user.EndPoint.Port);
        await ReadyAsync(proxy);
        async Task InFlightAsync(string expected) =>
            await Eventually.HoldsAsync(async () =>
            {
                using var stat = await _client.GetAsync(new Uri(proxy.Stats, "metrics"));
                stat.Headers.GetValues("K-In-Flight").Should().Equal(expected);
            });

        var requests = Enumerable.Range(0, 3).Select(_ => _client.GetAsync(proxy.Serving)).ToList();
        await InFlightAsync("3");
        answered.SetResult();
        foreach (var request in requests)
            (await request).Dispose();
        await InFlightAsync("0");
    }

    [Test]
    public async Task Passes_exactly_its_number_of_requests_to_the_program_however_many_arrive_at_once(
        [Values("0", "1", "3")] string concurrency
    )
    {
        var (received, most) = (0, 7);
        await using var user = await TestServer.StartAsync(async context =>
        {
            Interlocked.Increment(ref received);
            await Task.Delay(20);
            await context.Response.WriteAsync("served");
        });
        await using var proxy = await StartAsync(
            user.EndPoint.Port,
            ("QUEUE_MAX_REQUESTS", $"{most}"),
            ("CONTAINER_CONCURRENCY", concurrency),
            ("DRAIN_QUIET_SECONDS", "600")
        );
        await ReadyAsync(proxy);

        var answers = await Task.WhenAll(
            Enumerable
                .Range(0, 60)
                .Select(i => i % 2 == 0 ? _client.GetAsync(proxy.Serving) : _client.PostAsync(proxy.Serving, new StringContent("x")))
        );

        received.Should().Be(most);
        answers.Count(answer => answer.StatusCode == HttpStatusCode.OK).Should().Be(most);
        foreach (var refused in answers.Where(answer => answer.StatusCode != HttpStatusCode.OK))
        {
            refused.StatusCode.Should().Be(HttpStatusCode.BadGateway);
            refused.Headers.GetValues("K-Unserved").Should().Equal("unsent");
        }

        using (var probe = await ProbeAsync(proxy))
            probe.StatusCode.Should().Be(HttpStatusCode.Gone);
        using (var stat = await _client.GetAsync(new Uri(proxy.Stats, "metrics")))
            stat.Headers.GetValues("K-Spent").Should().Equal("true");
        await proxy.TerminateAsync();
        (await proxy.ExitCodeAsync()).Should().Be(0, "a pod that takes no more requests has no quiet period");
    }

    [Test]
    public async Task A_request_that_did_not_reach_the_program_leaves_its_number_to_another()
    {
        var (received, arrived, go) = (0, new TaskCompletionSource(), new TaskCompletionSource());
        await using var user = await TestServer.StartAsync(async _ =>
        {
            Interlocked.Increment(ref received);
            arrived.TrySetResult();
            await go.Task;
        });
        await using var proxy = await StartAsync(user.EndPoint.Port, ("QUEUE_MAX_REQUESTS", "2"), ("CONTAINER_CONCURRENCY", "1"));
        await ReadyAsync(proxy);
        var first = _client.GetAsync(proxy.Serving);
        await arrived.Task;
        using var impatient = new CancellationTokenSource();
        var queued = _client.GetAsync(proxy.Serving, impatient.Token);
        await SpentAsync("true");
        await impatient.CancelAsync();
        await FluentActions.Awaiting(() => queued).Should().ThrowAsync<OperationCanceledException>();
        await SpentAsync(null);
        go.SetResult();

        (await first).StatusCode.Should().Be(HttpStatusCode.OK);
        (await _client.GetAsync(proxy.Serving)).StatusCode.Should().Be(HttpStatusCode.OK);
        (await _client.GetAsync(proxy.Serving)).StatusCode.Should().Be(HttpStatusCode.BadGateway);
        received.Should().Be(2);

        Task SpentAsync(string? expected) =>
            Eventually.HoldsAsync(async () =>
            {
                using var stat = await _client.GetAsync(new Uri(proxy.Stats, "metrics"));
                (stat.Headers.TryGetValues("K-Spent", out var values) ? values.Single() : null).Should().Be(expected);
            });
    }

    [Test]
    public async Task Is_ready_the_moment_the_user_container_is()
    {
        await using var user = await TestServer.StartAsync(context =>
        {
            context.Response.StatusCode = context.Request.Path == "/ready" ? 200 : 500;
            return Task.CompletedTask;
        });
        await using var proxy = await StartAsync(
            user.EndPoint.Port,
            ("SERVING_READINESS_PROBE", $$"""{"httpGet":{"path":"/ready","port":{{user.EndPoint.Port}},"host":"127.0.0.1"} }""")
        );
        await ReadyAsync(proxy);
        await user.Server.StopAsync(default);

        await Eventually.HoldsAsync(
            async () =>
            {
                using var probe = await ProbeAsync(proxy);
                probe.StatusCode.Should().Be(HttpStatusCode.ServiceUnavailable);
            },
            TimeSpan.FromSeconds(30)
        );
    }

    [Test]
    public async Task Probes_the_user_container_no_more_often_than_the_user_said_however_often_it_is_asked()
    {
        var probes = 0;
        await using var user = await TestServer.StartAsync(context =>
        {
            if (context.Request.Path == "/ready")
                Interlocked.Increment(ref probes);
            return Task.CompletedTask;
        });
        await using var proxy = await StartAsync(
            user.EndPoint.Port,
            (
                "SERVING_READINESS_PROBE",
                $$"""{"httpGet":{"path":"/ready","port":{{user.EndPoint.Port}},"host":"127.0.0.1"},"periodSeconds":600}"""
            )
        );
        await ReadyAsync(proxy);

        for (var asked = 0; asked < 100; asked++)
        {
            using var answer = await ProbeAsync(proxy);
            answer.StatusCode.Should().Be(HttpStatusCode.OK);
        }

        probes.Should().Be(1);
    }

    [Test]
    public async Task Answers_502_when_nobody_listens_on_the_user_port_and_504_when_the_answer_takes_too_long()
    {
        await using var user = await TestServer.StartAsync(async context =>
            await Task.Delay(Timeout.InfiniteTimeSpan, context.RequestAborted)
        );
        await using var proxy = await StartAsync(user.EndPoint.Port, ("REVISION_TIMEOUT_SECONDS", "1"));
        await ReadyAsync(proxy);

        using var slow = await _client.GetAsync(proxy.Serving);
        slow.StatusCode.Should().Be(HttpStatusCode.GatewayTimeout);
        (await slow.Content.ReadAsStringAsync()).Should().Be("request timeout");

        await user.DisposeAsync();
        using var gone = await _client.GetAsync(proxy.Serving);
        gone.StatusCode.Should().Be(HttpStatusCode.BadGateway);
    }

    [Test]
    [CancelAfter(120_000)]
    public async Task Stays_up_under_a_small_heap_limit_while_small_requests_unfold_into_large_ones()
    {
        await using var user = await TestServer.StartAsync(static context =>
            context.Request.Path == "/wait"
                ? Task.Delay(Timeout.InfiniteTimeSpan, context.RequestAborted)
                : context.Response.WriteAsync("ok")
        );
        await using var proxy = await StartAsync(user.EndPoint.Port, ("DOTNET_GCHeapHardLimit", "0x6000000"));
        await ReadyAsync(proxy);
        var address = new IPEndPoint(IPAddress.Parse(proxy.Serving.Host), proxy.Serving.Port);
        byte[] head = RawHttp2.Literals((":method", "GET"), (":scheme", "http"), (":path", "/wait"), (":authority", "a"));
        byte[] first = [.. head, .. RawHttp2.Indexed("x-large", new string('a', 3900)), .. RawHttp2.Repeat(61)];
        byte[] next = [.. head, .. RawHttp2.Repeat(62)];

        for (var round = 0; round < 3; round++)
        {
            var clients = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => RawHttp2.ConnectAsync(address)));
            await Task.WhenAll(clients.Select(AttackAsync));
            (await _client.GetStringAsync(proxy.Serving)).Should().Be("ok");
            foreach (var client in clients)
                client.Dispose();
        }

        (await proxy.HasExitedAsync()).Should().BeFalse();

        async Task AttackAsync(RawHttp2 client)
        {
            try
            {
                for (var i = 0; i < 250 && !client.Closed.IsCompleted; i++)
                    await client.SendAsync(RawHttp2.Frame(1, RawHttp2.EndStream | RawHttp2.EndHeaders, 1 + (2 * i), i == 0 ? first : next));
            }
            catch (SocketException)
            {
                // The sidecar has closed the connection.
            }
        }
    }

    [Test]
    public async Task Bounds_what_runs_and_what_waits()
    {
        var go = new TaskCompletionSource();
        await using var user = await TestServer.StartAsync(async context => await go.Task.WaitAsync(context.RequestAborted));
        await using var proxy = await StartAsync(user.EndPoint.Port, ("CONTAINER_CONCURRENCY", "1"));
        await ReadyAsync(proxy);

        var requests = Enumerable.Range(0, 20).Select(_ => _client.GetAsync(proxy.Serving)).ToArray();
        await Eventually.HoldsAsync(() => requests.Count(static request => request.IsCompleted).Should().Be(9));
        go.SetResult();
        var statuses = (await Task.WhenAll(requests)).Select(static response => (int)response.StatusCode).ToList();

        statuses.Count(static status => status == 200).Should().Be(11);
        statuses.Count(static status => status == 503).Should().Be(9);
    }

    [Test]
    public async Task Answers_network_probes_with_their_hash()
    {
        await using var user = await TestServer.StartAsync(_ => Task.CompletedTask);
        await using var proxy = await StartAsync(user.EndPoint.Port);
        await ReadyAsync(proxy);

        using var request = new HttpRequestMessage(HttpMethod.Get, proxy.Serving);
        request.Headers.Add("K-Network-Probe", "probe");
        request.Headers.Add("K-Network-Hash", "abc");
        using var response = await _client.SendAsync(request);

        response.Headers.GetValues("K-Network-Hash").Should().Equal("abc");
    }

    [Test]
    public async Task Loses_no_request_when_it_is_told_to_end()
    {
        var (arrived, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var user = await TestServer.StartAsync(async context =>
        {
            if (context.Request.Path == "/slow")
            {
                arrived.SetResult();
                await go.Task;
            }

            await context.Response.WriteAsync("done");
        });
        await using var proxy = await StartAsync(user.EndPoint.Port);
        await ReadyAsync(proxy);
        var slow = _client.GetStringAsync(new Uri(proxy.Serving, "slow"));
        await arrived.Task;

        await proxy.TerminateAsync();
        await Eventually.HoldsAsync(async () =>
        {
            using var probe = await ProbeAsync(proxy);
            probe.StatusCode.Should().Be(HttpStatusCode.ServiceUnavailable);
            (await probe.Content.ReadAsStringAsync()).Should().Be("shutting down\n");
        });
        var drained = _client.GetAsync(new Uri(proxy.Admin, "wait-for-drain"));
        (await _client.GetStringAsync(proxy.Serving)).Should().Be("done");
        drained.IsCompleted.Should().BeFalse();
        go.SetResult();

        (await slow).Should().Be("done");
        (await drained).StatusCode.Should().Be(HttpStatusCode.OK);
        (await proxy.ExitCodeAsync()).Should().Be(0);
    }

    [Test]
    public async Task Takes_a_drain_back_when_only_the_user_container_restarts()
    {
        await using var user = await TestServer.StartAsync(_ => Task.CompletedTask);
        await using var proxy = await StartAsync(user.EndPoint.Port, ("DRAIN_QUIET_SECONDS", "20"));
        await ReadyAsync(proxy);

        using var response = await _client.GetAsync(new Uri(proxy.Admin, "wait-for-drain"));

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        using var probe = await ProbeAsync(proxy);
        probe.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Test]
    public async Task Ends_an_answer_that_does_not_begin_in_time_and_one_that_stops()
    {
        await using var user = await TestServer.StartAsync(async context =>
        {
            if (context.Request.Path == "/stops")
            {
                await context.Response.WriteAsync("a");
                await context.Response.Body.FlushAsync();
            }

            await Task.Delay(Timeout.InfiniteTimeSpan, context.RequestAborted);
        });
        await using var proxy = await StartAsync(
            user.EndPoint.Port,
            ("REVISION_RESPONSE_START_TIMEOUT_SECONDS", "1"),
            ("REVISION_IDLE_TIMEOUT_SECONDS", "2"),
            ("REVISION_TIMEOUT_SECONDS", "300")
        );
        await ReadyAsync(proxy);

        using var late = await _client.GetAsync(proxy.Serving);
        late.StatusCode.Should().Be(HttpStatusCode.GatewayTimeout);
        using var stops = await _client.GetAsync(new Uri(proxy.Serving, "stops"), HttpCompletionOption.ResponseHeadersRead);
        stops.StatusCode.Should().Be(HttpStatusCode.OK);
        (await stops.Content.ReadAsStringAsync()).Should().Be("arequest timeout");
    }

    [Test]
    public async Task A_WebSocket_does_not_hold_the_drain_and_its_client_hears_the_programs_goodbye()
    {
        using var goodbye = new CancellationTokenSource();
        await using var user = await TestServer.StartAsync(context => WebSockets.EchoAsync(context, goodbye.Token));
        await using var proxy = await StartAsync(user.EndPoint.Port);
        await ReadyAsync(proxy);
        using var socket = await WebSockets.ConnectAsync(new UriBuilder(proxy.Serving) { Scheme = "ws" }.Uri);
        (await socket.AskAsync("hello")).Should().Be("hello");

        await proxy.TerminateAsync();
        using var drained = await _client.GetAsync(new Uri(proxy.Admin, "wait-for-drain"));
        drained.StatusCode.Should().Be(HttpStatusCode.OK);
        (await socket.AskAsync("still here")).Should().Be("still here");
        await goodbye.CancelAsync();

        (await socket.NextAsync()).Should().Be("1000 bye");
        await socket.CloseOutputAsync(System.Net.WebSockets.WebSocketCloseStatus.NormalClosure, "", default);
        (await proxy.ExitCodeAsync()).Should().Be(0);
    }

    [Test]
    public async Task A_request_that_only_asks_to_leave_HTTP_holds_the_drain()
    {
        var (arrived, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var user = await TestServer.StartAsync(async context =>
        {
            arrived.TrySetResult();
            await go.Task;
            await context.Response.WriteAsync("no WebSocket");
        });
        await using var proxy = await StartAsync(user.EndPoint.Port);
        await ReadyAsync(proxy);
        using var request = new HttpRequestMessage(HttpMethod.Get, proxy.Serving);
        request.Headers.TryAddWithoutValidation("Connection", "Upgrade");
        request.Headers.TryAddWithoutValidation("Upgrade", "websocket");
        var asked = _client.SendAsync(request);
        await arrived.Task;

        await proxy.TerminateAsync();
        var drained = _client.GetAsync(new Uri(proxy.Admin, "wait-for-drain"));
        await Eventually.HoldsAsync(async () =>
        {
            using var probe = await ProbeAsync(proxy);
            probe.StatusCode.Should().Be(HttpStatusCode.ServiceUnavailable);
        });
        drained.IsCompleted.Should().BeFalse();
        go.SetResult();

        using var response = await asked;
        (await response.Content.ReadAsStringAsync()).Should().Be("no WebSocket");
        using var _ = await drained;
    }

    [Test]
    public async Task Finds_out_that_the_user_speaks_only_HTTP_2()
    {
        await using var user = await TestServer.StartAsync(context =>
        {
            context.Response.StatusCode = HttpProtocol.IsHttp2(context.Request.Protocol) ? 200 : 505;
            return Task.CompletedTask;
        });
        var probe = (
            "SERVING_READINESS_PROBE",
            $$"""{"httpGet":{"path":"/","port":{{user.EndPoint.Port}},"host":"127.0.0.1"},"periodSeconds":10}"""
        );
        await using var told = await StartAsync(user.EndPoint.Port, probe, ("ENABLE_HTTP2_AUTO_DETECTION", "true"));
        await using var untold = await StartAsync(user.EndPoint.Port, probe);

        await ReadyAsync(told);
        await Eventually.HoldsAsync(async () =>
        {
            using var answer = await untold.ProbeAsync(_client);
            answer.StatusCode.Should().Be(HttpStatusCode.ServiceUnavailable);
        });
    }

    /// <summary>Starts a sidecar for a user's program on a port.</summary>
    private protected abstract Task<Sidecar> StartAsync(int userPort, params (string Name, string Value)[] variables);

    private Task ReadyAsync(Sidecar proxy) => proxy.ReadyAsync(_client);

    private Task<HttpResponseMessage> ProbeAsync(Sidecar proxy) => proxy.ProbeAsync(_client);
}
