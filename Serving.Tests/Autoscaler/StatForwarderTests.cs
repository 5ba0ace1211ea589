using System.Net;
using System.Threading.Channels;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Autoscaler;
using Serving.Autoscaler.Statistics;
using Serving.Dataplane.Statistics;
using Serving.Tests.Support;

namespace Serving.Tests.Autoscaler;

public sealed class StatForwarderTests
{
    private static readonly Stat One = new() { PodName = "a", RequestCount = 1 };

    private readonly Channel<(string Server, string Revision)> _taken = Channel.CreateUnbounded<(string, string)>();

    [Test]
    [CancelAfter(30_000)]
    public async Task Sends_nothing_to_one_who_does_not_decide_any_more_and_loses_nothing(CancellationToken cancellation)
    {
        await using var first = await StartAsync("first");
        await using var second = await StartAsync("second");
        var owner = AddressOf(first);
        var forwarder = new StatForwarder(() => 1, _ => owner, TimeProvider.System, NullLogger<StatForwarder>.Instance);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var running = forwarder.RunAsync(stop.Token);
        forwarder.Report("ns", "a", One);
        (await _taken.Reader.ReadAsync(cancellation)).Should().Be(("first", "a"));

        owner = AddressOf(second);
        forwarder.Report("ns", "b", One);
        forwarder.Report("ns", "c", One);
        (await _taken.Reader.ReadAsync(cancellation)).Should().Be(("second", "b"));
        (await _taken.Reader.ReadAsync(cancellation)).Should().Be(("second", "c"));
        await stop.CancelAsync();
        await running;
    }

    [Test]
    [CancelAfter(30_000)]
    public async Task Says_when_it_cannot_reach_one_who_is_known_to_be_alive_for_longer_than_it_may(CancellationToken cancellation)
    {
        var port = FreePorts.Next();
        var time = new ManualTimeProvider();
        TimeSpan? timeout = TimeSpan.FromSeconds(30);
        using var metrics = new StatConnectionMetrics();
        using var collected = new CollectedMetrics("Serving.Activator.Statistics");
        const string Reachable = "kn.activator.stats.conn.reachable{peer=autoscaler}";
        const string Errors = "kn.activator.stats.conn.errors{peer=autoscaler}";
        var forwarder = new StatForwarder(
            () => 1,
            _ => new Uri($"ws://127.0.0.1:{port}/"),
            time,
            NullLogger<StatForwarder>.Instance,
            _ => timeout,
            metrics
        );
        collected.Collect().Should().Contain(Reachable, 1).And.NotContainKey(Errors);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var running = forwarder.RunAsync(stop.Token);

        forwarder.Report("ns", "a", One);
        await Eventually.HoldsAsync(() => collected.Collect().Should().Contain(Reachable, 0));
        time.Advance(TimeSpan.FromSeconds(30));
        forwarder.UnreachableReason.Should().BeNull("a leader that died may be replaced until now");
        time.Advance(TimeSpan.FromSeconds(1));
        forwarder.UnreachableReason.Should().Be($"the autoscaler at ws://127.0.0.1:{port}/ has been unreachable for 31 s");

        timeout = null;
        await Eventually.HoldsAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            forwarder.UnreachableReason.Should().BeNull("nobody could reach one who is not there");
        });
        timeout = TimeSpan.FromSeconds(30);
        await using (await StartAsync("server", port))
        {
            await Eventually.HoldsAsync(() =>
            {
                time.Advance(TimeSpan.FromSeconds(1));
                collected.Collect().Should().Contain(Reachable, 1);
            });
            (await _taken.Reader.ReadAsync(cancellation)).Should().Be(("server", "a"));
        }

        await Eventually.HoldsAsync(() => collected.Collect().Should().Contain(Errors, 1));
        await stop.CancelAsync();
        await running;
    }

    private static Uri AddressOf(RunningStatistics server) => new($"ws://127.0.0.1:{server.Port}/");

    private Task<RunningStatistics> StartAsync(string name, int port = 0) =>
        RunningStatistics.StartAsync(
            new AutoscalerOptions(IPAddress.Loopback, port),
            (message, _) => _taken.Writer.TryWrite((name, message.Name))
        );
}
