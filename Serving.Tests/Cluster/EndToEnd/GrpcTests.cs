using System.Collections.Concurrent;
using FluentAssertions;
using Grpc.Core;
using Grpc.Net.Client;
using NUnit.Framework;
using Serving.TestPrograms.Ping;

namespace Serving.Tests.Cluster.EndToEnd;

/// <summary>gRPC through gateway, activator and sidecar.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category("Slow")]
public sealed class GrpcTests : EndToEndTests
{
    private const string Port = "ports: [{name: h2c, containerPort: 8080}]";
    private static readonly (string, string) Always = ("target-burst-capacity", "-1");

    [TestCase(false)]
    [TestCase(true)]
    public async Task A_call_is_answered(bool behindActivators)
    {
        await StartGrpcAsync("unary", behindActivators ? [Always] : []);
        using var channel = Open("unary");

        (await new Pinger.PingerClient(channel).PingAsync(new PingRequest { Text = "Hello!" }, deadline: Deadline))
            .Text.Should()
            .Be("Hello!");
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task Messages_go_both_ways_in_turn_and_the_stream_ends_when_the_client_is_done(bool behindActivators)
    {
        await StartGrpcAsync("stream", behindActivators ? [Always] : []);
        using var channel = Open("stream");
        using var call = new Pinger.PingerClient(channel).PingStream(deadline: Deadline);

        for (var message = 0; message < 3; message++)
        {
            await call.RequestStream.WriteAsync(new PingRequest { Text = $"message {message}" });
            (await call.ResponseStream.MoveNext()).Should().BeTrue();
            call.ResponseStream.Current.Text.Should().Be($"message {message}");
        }

        await call.RequestStream.CompleteAsync();
        (await call.ResponseStream.MoveNext()).Should().BeFalse();
        call.GetStatus().StatusCode.Should().Be(StatusCode.OK);
    }

    [Test]
    public async Task Calls_bring_pods_their_end_takes_all_and_calls_bring_them_again()
    {
        await StartGrpcAsync("scaled", [("target", "1"), ("target-utilization-percentage", "70"), ("window", "6s"), Always]);

        await UnderLoadAsync();
        await AtZeroAsync("scaled-00001");
        await UnderLoadAsync();

        async Task UnderLoadAsync()
        {
            using var stop = new CancellationTokenSource();
            var clients = Enumerable.Range(0, 2).Select(client => PingAsync("scaled", 500, stop.Token)).ToList();
            await EventuallyAsync(async () => (await ReadyPodsAsync("scaled-00001")).Should().BeInRange(2, 4));
            await stop.CancelAsync();
            await Task.WhenAll(clients);
        }
    }

    [Test]
    public async Task Calls_are_spread_over_the_pods()
    {
        const int pods = 3;
        await StartGrpcAsync("spread", [("target", "1"), ("target-utilization-percentage", "70"), ("min-scale", $"{pods}"), Always]);
        using var stop = new CancellationTokenSource();
        var hosts = new ConcurrentDictionary<string, bool>();
        var clients = Enumerable.Range(0, pods).Select(_ => PingAsync("spread", 20, stop.Token, hosts)).ToList();

        await EventuallyAsync(() =>
        {
            hosts.Count.Should().BeGreaterThanOrEqualTo(pods);
            return Task.CompletedTask;
        });

        await stop.CancelAsync();
        await Task.WhenAll(clients);
    }

    [Test]
    public async Task A_program_is_probed_over_gRPC()
    {
        await StartGrpcAsync("probed", [], $"{Port}, readinessProbe: {{grpc: {{port: 8080}}}}");

        // The gateway accepts HTTP/1.1 from clients, regardless of the program's protocol.
        (await CallAsync("probed"))
            .Body.Should()
            .Be("Hello!");
    }

    private static DateTime Deadline => DateTime.UtcNow + Limit;

    private Task StartGrpcAsync(string name, (string, string)[] scaling, string container = Port) =>
        StartAsync(
            new(name)
            {
                Arguments = ["grpc"],
                Container = container,
                Scaling = scaling,
            }
        );

    private GrpcChannel Open(string name) =>
        GrpcChannel.ForAddress(
            $"http://{HostOf(name)}",
            new GrpcChannelOptions { HttpHandler = Cluster.HandlerOfGateway(), DisposeHttpClient = true }
        );

    /// <summary>Calls until cancelled, on a new connection each time, like short-lived clients. Throws when a call fails.</summary>
    private async Task PingAsync(string name, int delay, CancellationToken end, ConcurrentDictionary<string, bool>? hosts = null)
    {
        for (var call = 0; !end.IsCancellationRequested; call++)
        {
            using var channel = Open(name);
            var reply = await new Pinger.PingerClient(channel).PingAsync(
                new PingRequest { Text = $"call {call}", DelayMilliseconds = delay },
                deadline: Deadline
            );
            reply.Text.Should().Be($"call {call}");
            hosts?.TryAdd(reply.Host, true);
        }
    }
}
