using System.Diagnostics;
using System.Net;
using System.Net.WebSockets;
using System.Text;
using FluentAssertions;
using Grpc.Net.Client;
using NUnit.Framework;
using Serving.Api.Networking;
using Serving.TestPrograms.Ping;

namespace Serving.Tests.Cluster.EndToEnd.NetworkLayer;

/// <summary>gRPC and WebSockets; slow requests are not ended, and failed ones are not retried.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category("Slow")]
public sealed class ProtocolTests : NetworkLayerTests
{
    // The probability that one of two backends gets none of these requests is below one in a hundred million.
    private const int Enough = 30;

    [Test]
    public async Task GRPC_streams_go_both_ways()
    {
        var host = NewHost();
        await RouteAsync(Rule(host, To(Backends.BlueGrpc)));
        using var channel = Open(host);
        using var call = new Pinger.PingerClient(channel).PingStream(deadline: DateTime.UtcNow + Limit);

        for (var message = 0; message < 100; message++)
        {
            await call.RequestStream.WriteAsync(new PingRequest { Text = $"message {message}" });
            (await call.ResponseStream.MoveNext(CancellationToken.None)).Should().BeTrue();
            call.ResponseStream.Current.Text.Should().Be($"message {message}");
        }

        await call.RequestStream.CompleteAsync();
        (await call.ResponseStream.MoveNext(CancellationToken.None)).Should().BeFalse();
    }

    [Test]
    public async Task GRPC_calls_are_split_and_a_stream_stays_where_it_began()
    {
        var host = NewHost();
        await RouteAsync(Rule(host, new HttpIngressPath { Splits = [Share(Backends.BlueGrpc, 50), Share(Backends.GreenGrpc, 50)] }));
        var hosts = new HashSet<string>();

        for (var connection = 0; connection < Enough; connection++)
        {
            using var channel = Open(host);
            using var call = new Pinger.PingerClient(channel).PingStream(deadline: DateTime.UtcNow + Limit);
            var own = new HashSet<string>();
            for (var message = 0; message < 5; message++)
            {
                await call.RequestStream.WriteAsync(new PingRequest { Text = "which" });
                (await call.ResponseStream.MoveNext(CancellationToken.None)).Should().BeTrue();
                own.Add(call.ResponseStream.Current.Host);
            }

            await call.RequestStream.CompleteAsync();
            hosts.Add(own.Should().ContainSingle().Which);
        }

        hosts.Should().HaveCount(2);
    }

    [Test]
    public async Task WebSockets_go_both_ways()
    {
        var host = NewHost();
        await RouteAsync(Rule(host, To(Backends.BlueSocket)));
        using var socket = await ConnectAsync(host);

        for (var message = 0; message < 100; message++)
        {
            (await ExchangeAsync(socket, $"ping {message}")).Should().Be($"ping {message} blue");
        }
    }

    [Test]
    public async Task WebSockets_are_split_and_a_connection_stays_where_it_began()
    {
        var host = NewHost();
        await RouteAsync(Rule(host, new HttpIngressPath { Splits = [Share(Backends.BlueSocket, 50), Share(Backends.GreenSocket, 50)] }));
        var seen = new HashSet<string>();

        for (var connection = 0; connection < Enough; connection++)
        {
            using var socket = await ConnectAsync(host);
            var first = await ExchangeAsync(socket, "ping");
            for (var message = 0; message < 5; message++)
            {
                (await ExchangeAsync(socket, "ping")).Should().Be(first);
            }

            seen.Add(first);
        }

        seen.Should().BeEquivalentTo("ping blue", "ping green");
    }

    [TestCase("before")]
    [TestCase("after")]
    public async Task A_response_may_take_its_time(string headers)
    {
        const int milliseconds = 10_000;
        var host = NewHost();
        await RouteAsync(Rule(host, To(Backends.Web(0))));
        var watch = Stopwatch.StartNew();

        (await Cluster.GetAsync(host, $"/wait?{headers}={milliseconds}")).Should().Be((HttpStatusCode.OK, "waited\n"));
        watch.ElapsedMilliseconds.Should().BeGreaterThanOrEqualTo(milliseconds - 100, "the program was asked to wait");
    }

    [Test]
    public async Task A_response_that_says_503_is_the_client_s()
    {
        var (host, key) = (NewHost(), NewName());
        await RouteAsync(Rule(host, To(Backends.Flaky)));

        (await Cluster.GetAsync(host, $"/once?key={key}"))
            .Status.Should()
            .Be(HttpStatusCode.ServiceUnavailable, "the program fails once, and nobody asked it again");
        (await Cluster.GetAsync(host, $"/once?key={key}")).Status.Should().Be(HttpStatusCode.OK);
    }

    private static GrpcChannel Open(string host) =>
        GrpcChannel.ForAddress(
            $"http://{host}",
            new GrpcChannelOptions { HttpHandler = Cluster.HandlerOfGateway(), DisposeHttpClient = true }
        );

    private static async Task<ClientWebSocket> ConnectAsync(string host)
    {
        var socket = new ClientWebSocket();
        using var client = new HttpMessageInvoker(Cluster.HandlerOfGateway());
        using var limit = new CancellationTokenSource(Limit);
        await socket.ConnectAsync(new Uri($"ws://{host}/"), client, limit.Token);
        return socket;
    }

    private static async Task<string> ExchangeAsync(ClientWebSocket socket, string message)
    {
        using var limit = new CancellationTokenSource(Limit);
        await socket.SendAsync(Encoding.UTF8.GetBytes(message), WebSocketMessageType.Text, endOfMessage: true, limit.Token);
        var buffer = new byte[1024];
        var received = await socket.ReceiveAsync(buffer, limit.Token);
        received.MessageType.Should().Be(WebSocketMessageType.Text);
        return Encoding.UTF8.GetString(buffer, 0, received.Count);
    }
}
