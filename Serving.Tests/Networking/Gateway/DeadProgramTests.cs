using System.Net;
using System.Net.Sockets;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Dataplane;
using Serving.Dataplane.Upstreams;
using Serving.Tests.Dataplane;
using Serving.Tests.QueueProxy;
using Serving.Tests.Support;
using static Serving.Tests.Networking.Gateway.Cluster;

namespace Serving.Tests.Networking.Gateway;

/// <summary>Requests through the gateway to pods with real sidecars, some of whose programs are not running.</summary>
[CancelAfter(120_000)]
[Category("Slow")]
[Parallelizable]
public sealed class DeadProgramTests
{
    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(60) };

    [OneTimeTearDown]
    public void DisposeClient() => _client.Dispose();

    [TestCase(1, 0, "http")]
    [TestCase(1, 20, "http")]
    [TestCase(1, 50_000, "http")]
    [TestCase(2, 20, "http")]
    [TestCase(2, 20, "http2")]
    [TestCase(2, 50_000, "http2")]
    public async Task No_request_fails_though_the_program_of_one_pod_is_dead(int version, int length, string portName)
    {
        await using var program = await TestServer.StartAsync(EchoLengthAsync);
        using var alive = QueueProxyProcess.Start(program.EndPoint.Port);
        using var dead = QueueProxyProcess.Start(FreePorts.Next());
        await alive.ReadyAsync(_client);
        await using var gateway = await RoutedAsync(portName, alive, dead);

        for (var i = 0; i < 30; i++)
        {
            using var response = await PostAsync(gateway, version, length, chunked: i % 3 == 0);
            ((int)response.StatusCode, await response.Content.ReadAsStringAsync()).Should().Be((200, $"{length}"));
            response.Headers.Contains(DataplaneHeaders.Unserved).Should().BeFalse();
        }
    }

    [TestCase("http")]
    [TestCase("http2")]
    public async Task A_node_that_answers_no_connection_costs_a_request_one_time_limit(string portName)
    {
        await using var program = await TestServer.StartAsync(EchoLengthAsync);
        using var hole = await BlackHole.OpenAsync();
        await using var gateway = await RunningGateway.StartAsync();
        gateway.Cluster.PutService("rev", portName);
        gateway.Cluster.PutEndpoints("rev", hole.EndPoint, program.EndPoint);
        gateway.Cluster.PutIngress("rev", Rule("rev.test", To("rev")));
        await gateway.RoutedAsync("rev");

        var watch = System.Diagnostics.Stopwatch.StartNew();
        var responses = await Task.WhenAll(Enumerable.Range(0, 60).Select(i => PostAsync(gateway, 1 + (i % 2), 20, chunked: false)));

        // Sequentially they would take 5 s each.
        watch.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(50));
        foreach (var response in responses)
            (await response.Content.ReadAsStringAsync()).Should().Be("20");
    }

    [Test]
    public async Task Says_why_when_no_program_accepts_connections()
    {
        using var dead = QueueProxyProcess.Start(FreePorts.Next());
        await ListensAsync(dead);
        await using var gateway = await RoutedAsync("http", dead);

        using var response = await PostAsync(gateway, 1, 20, chunked: false);

        response.StatusCode.Should().Be(HttpStatusCode.BadGateway);
        (await response.Content.ReadAsStringAsync()).Should().Be("no pod's program accepts connections\n");
        response.Headers.Contains(DataplaneHeaders.Unserved).Should().BeFalse();
    }

    [Test]
    public async Task Passes_on_what_a_program_responds_by_itself_and_believes_no_program_that_it_got_nothing()
    {
        var requests = 0;
        await using var program = await TestServer.StartAsync(context =>
        {
            Interlocked.Increment(ref requests);
            context.Response.StatusCode = 503;
            context.Response.Headers[DataplaneHeaders.Unserved] = Unserved.Unsent;
            return context.Response.WriteAsync("mine");
        });
        using var one = QueueProxyProcess.Start(program.EndPoint.Port);
        using var other = QueueProxyProcess.Start(program.EndPoint.Port);
        await one.ReadyAsync(_client);
        await other.ReadyAsync(_client);
        await using var gateway = await RoutedAsync("http", one, other);

        using var response = await PostAsync(gateway, 1, 20, chunked: false);

        ((int)response.StatusCode, await response.Content.ReadAsStringAsync()).Should().Be((503, "mine"));
        response.Headers.Contains(DataplaneHeaders.Unserved).Should().BeFalse();
        requests.Should().Be(1);
    }

    [TestCase("GET", 2)]
    [TestCase("POST", 1)]
    public async Task A_program_that_works_and_closes_gets_a_request_once_or_once_more_over_all_hops(string method, int most)
    {
        var deaths = 0;
        await using var program = await TestServer.StartAsync(async context =>
        {
            if (context.Request.Path != "/die")
                return;
            Interlocked.Increment(ref deaths);
            await Task.Delay(50);
            context.Abort();
        });
        using var one = QueueProxyProcess.Start(program.EndPoint.Port);
        using var other = QueueProxyProcess.Start(program.EndPoint.Port);
        await one.ReadyAsync(_client);
        await other.ReadyAsync(_client);
        await using var gateway = await RoutedAsync("http", one, other);
        using var cold = await SendAsync(gateway, method, "/die");
        cold.StatusCode.Should().Be(HttpStatusCode.BadGateway);
        (await cold.Content.ReadAsStringAsync()).Should().Be("the program closed the connection without a response\n");
        deaths.Should().Be(1, "no connection was used before");

        // Each hop now has idle connections.
        for (var i = 0; i < 10; i++)
            (await SendAsync(gateway, "GET", "/")).Dispose();
        deaths = 0;
        using var warm = await SendAsync(gateway, method, "/die");

        warm.StatusCode.Should().Be(HttpStatusCode.BadGateway);
        deaths.Should().BeInRange(1, most);
    }

    [TestCase("http")]
    [TestCase("http2")]
    public async Task A_request_that_one_pod_lost_meets_no_closed_connection_in_the_next(string portName)
    {
        var connections = new UsedConnections();
        await using var program = await TestServer.StartAsync(connections.HandleAsync);
        var lost = 0;
        await using var losing = await TestServer.StartAsync(context =>
        {
            Interlocked.Increment(ref lost);
            context.Response.StatusCode = 502;
            context.Response.Headers[DataplaneHeaders.Unserved] = Unserved.Lost;
            return Task.CompletedTask;
        });
        await using var ready = await TestServer.StartAsync(static _ => Task.CompletedTask);
        using var pod = QueueProxyProcess.Start(
            program.EndPoint.Port,
            ("SERVING_READINESS_PROBE", $$"""{"tcpSocket":{"host":"127.0.0.1","port":{{ready.EndPoint.Port}}} }""")
        );
        await pod.ReadyAsync(_client);
        await using var gateway = await RunningGateway.StartAsync();
        gateway.Cluster.PutService("rev", portName);
        gateway.Cluster.PutEndpoints("rev", losing.EndPoint, new IPEndPoint(IPAddress.Parse(pod.Serving.Host), pod.Serving.Port));
        gateway.Cluster.PutIngress("rev", Rule("rev.test", To("rev")));
        await gateway.RoutedAsync("rev");

        // Each request leaves an idle connection to the program, which the next one finds closed.
        for (var i = 0; i < 30; i++)
        {
            using var response = await SendAsync(gateway, "GET", "/");
            ((int)response.StatusCode, await response.Content.ReadAsStringAsync()).Should().Be((200, "ok"));
        }

        lost.Should().BePositive();
        connections.Closed.Should().BePositive();
    }

    private static async Task EchoLengthAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        await context.Response.WriteAsync($"{body.Length}");
    }

    private static async Task<RunningGateway> RoutedAsync(string portName, params QueueProxyProcess[] pods)
    {
        var gateway = await RunningGateway.StartAsync();
        gateway.Cluster.PutService("rev", portName);
        gateway.Cluster.PutEndpoints(
            "rev",
            [.. pods.Select(static pod => new IPEndPoint(IPAddress.Parse(pod.Serving.Host), pod.Serving.Port))]
        );
        gateway.Cluster.PutIngress("rev", Rule("rev.test", To("rev")));
        await gateway.RoutedAsync("rev");
        return gateway;
    }

    private static Task ListensAsync(QueueProxyProcess pod) =>
        Eventually.HoldsAsync(
            async () =>
            {
                using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(IPAddress.Parse(pod.Serving.Host), pod.Serving.Port);
            },
            TimeSpan.FromSeconds(30)
        );

    private Task<HttpResponseMessage> SendAsync(RunningGateway gateway, string method, string path) =>
        _client.SendAsync(
            new HttpRequestMessage(new HttpMethod(method), $"http://{gateway.External}{path}") { Headers = { Host = "rev.test" } }
        );

    private async Task<HttpResponseMessage> PostAsync(RunningGateway gateway, int version, int length, bool chunked)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"http://{gateway.External}/")
        {
            Version = new Version(version, version == 1 ? 1 : 0),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(new byte[length]),
            Headers = { Host = "rev.test", TransferEncodingChunked = chunked && version == 1 },
        };
        return await _client.SendAsync(request);
    }
}
