using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Leadership;
using Serving.Tests.Support;

namespace Serving.Tests.Kubernetes.Leadership;

public sealed class LeaseMetricsTests
{
    private readonly ManualTimeProvider _time = new();

    [Test]
    public async Task A_candidate_tells_whether_it_holds_its_Leases_and_how_often_that_changed()
    {
        var cluster = new InMemoryCluster(_time);
        using var collected = new CollectedMetrics(LeaseMetrics.MeterName);
        var (first, stopFirst) = Start(cluster, "one");
        await Eventually.HoldsAsync(() => collected.Collect().Should().Contain("serving.lease.held{lease=lease-metrics-a}", 1));

        await stopFirst.CancelAsync();
        await first;

        collected
            .Collect()
            .Should()
            .Contain("serving.lease.transitions{lease=lease-metrics-a,transition=acquired}", 1)
            .And.Contain("serving.lease.transitions{lease=lease-metrics-b,transition=acquired}", 1)
            .And.Contain("serving.lease.transitions{lease=lease-metrics-b,transition=released}", 1)
            .And.NotContainKey("serving.lease.held{lease=lease-metrics-a}", "nobody here is a candidate");
        stopFirst.Dispose();
    }

    [Test]
    public async Task A_Lease_that_cannot_be_renewed_is_lost()
    {
        var cluster = new InMemoryCluster(_time);
        using var collected = new CollectedMetrics(LeaseMetrics.MeterName);
        var (running, stop) = Start(cluster, "one");
        await Eventually.HoldsAsync(() => collected.Collect().Should().Contain("serving.lease.held{lease=lease-metrics-a}", 1));
        for (var i = 0; i < 1000; i++)
            cluster.FailNext(
                static r => r.Plural == "leases",
                new KubernetesException("renew", new Status { Code = 503, Message = "away" })
            );

        const string Lost = "serving.lease.transitions{lease=lease-metrics-a,transition=lost}";
        await _time.PassAsync(TimeSpan.FromSeconds(90), () => collected.Collect().ContainsKey(Lost));

        collected.Collect().Should().Contain(Lost, 1).And.Contain("serving.lease.held{lease=lease-metrics-a}", 0);
        await stop.CancelAsync();
        await running;
        stop.Dispose();
    }

    private (Task Running, CancellationTokenSource Stop) Start(InMemoryCluster cluster, string identity)
    {
        var elector = new LeaderElector(
            cluster,
            ["lease-metrics-a", "lease-metrics-b"],
            new LeaderElectionOptions("system", identity),
            NullLogger.Instance,
            _time
        );
        var stop = new CancellationTokenSource();
        return (
            elector.RunAsync(static (_, token) => Task.Delay(Timeout.Infinite, token), cluster.For(Resources.Leases, "system"), stop.Token),
            stop
        );
    }
}
