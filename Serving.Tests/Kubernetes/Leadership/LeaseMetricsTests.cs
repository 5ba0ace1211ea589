using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Leadership;
using Serving.Observability.Metrics;
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
    public async Task Its_transitions_are_0_before_the_first_one()
    {
        var cluster = new InMemoryCluster(_time);
        cluster.FailNext(static r => r.Plural == "leases", new KubernetesException("get", new Status { Code = 503, Message = "away" }));
        using var exporter = new PrometheusExporter(LeaseMetrics.MeterName);
        var (running, stop) = Start(cluster, "one");

        await Eventually.HoldsAsync(() =>
            exporter
                .Render()
                .Split('\n')
                .Should()
                .Contain("serving_lease_transitions_total{lease=\"lease-metrics-a\",transition=\"lost\"} 0")
                .And.Contain("serving_lease_transitions_total{lease=\"lease-metrics-b\",transition=\"released\"} 0")
        );

        await EndAsync(running, stop);
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
        await EndAsync(running, stop);
    }

    [Test]
    public async Task A_Lease_that_another_holds_is_told_from_one_that_nobody_holds()
    {
        var cluster = new InMemoryCluster(_time);
        using var collected = new CollectedMetrics(LeaseMetrics.MeterName);
        Put(cluster, "lease-metrics-a", "the-reference_10.0.0.9");
        var (running, stop) = Start(cluster, "one");
        await Eventually.HoldsAsync(() => collected.Collect().Should().Contain("serving.lease.held_by_other{lease=lease-metrics-a}", 1));

        collected
            .Collect()
            .Should()
            .Contain("serving.lease.held{lease=lease-metrics-a}", 0)
            .And.Contain("serving.lease.held_by_other{lease=lease-metrics-b}", 0)
            .And.Contain("serving.lease.blocked{lease=lease-metrics-a}", 1)
            .And.Contain("serving.lease.blocked{lease=lease-metrics-b}", 1, "a candidate takes all or none");

        await _time.PassAsync(
            TimeSpan.FromSeconds(90),
            () => collected.Collect().GetValueOrDefault("serving.lease.held{lease=lease-metrics-a}") == 1
        );

        foreach (var lease in new[] { "lease-metrics-a", "lease-metrics-b" })
        {
            collected
                .Collect()
                .Should()
                .Contain($"serving.lease.held{{lease={lease}}}", 1, "its holder did not renew it")
                .And.Contain($"serving.lease.held_by_other{{lease={lease}}}", 0)
                .And.Contain($"serving.lease.blocked{{lease={lease}}}", 0);
        }

        await EndAsync(running, stop);
    }

    [Test]
    public async Task A_candidate_that_waits_for_another_division_into_buckets_is_blocked()
    {
        var cluster = new InMemoryCluster(_time);
        using var collected = new CollectedMetrics(LeaseMetrics.MeterName);
        Put(cluster, "rival", "replica-of-the-old-division");
        var (running, stop) = Start(cluster, "one", new HashSet<string> { "rival" });

        await Eventually.HoldsAsync(() =>
            collected
                .Collect()
                .Should()
                .Contain("serving.lease.held{lease=lease-metrics-a}", 0)
                .And.Contain("serving.lease.held_by_other{lease=lease-metrics-a}", 0)
                .And.Contain("serving.lease.blocked{lease=lease-metrics-a}", 1)
        );

        await EndAsync(running, stop);
    }

    [Test]
    public async Task A_Lease_that_nobody_can_acquire_is_neither_held_nor_blocked()
    {
        var cluster = new InMemoryCluster(_time);
        using var collected = new CollectedMetrics(LeaseMetrics.MeterName);
        Put(cluster, "lease-metrics-a", "");
        for (var i = 0; i < 1000; i++)
            cluster.FailNext(
                static r => r.Plural == "leases" && r.Verb != "get",
                new KubernetesException("acquire", new Status { Code = 503, Message = "away" })
            );
        var (running, stop) = Start(cluster, "one");

        await Eventually.HoldsAsync(() =>
            collected
                .Collect()
                .Should()
                .Contain("serving.lease.held{lease=lease-metrics-a}", 0)
                .And.Contain("serving.lease.held_by_other{lease=lease-metrics-a}", 0)
                .And.Contain("serving.lease.blocked{lease=lease-metrics-a}", 0)
        );
        await EndAsync(running, stop);
    }

    private static async Task EndAsync(Task running, CancellationTokenSource stop)
    {
        await stop.CancelAsync();
        await running;
        stop.Dispose();
    }

    private static void Put(InMemoryCluster cluster, string name, string holder) =>
        cluster.Put(
            Resources.Leases,
            new Lease
            {
                Metadata = new ObjectMeta { Namespace = "system", Name = name },
                Spec = new LeaseSpec { HolderIdentity = holder, LeaseDurationSeconds = 15 },
            }
        );

    private (Task Running, CancellationTokenSource Stop) Start(
        InMemoryCluster cluster,
        string identity,
        IReadOnlySet<string>? rivals = null
    )
    {
        var elector = new LeaderElector(
            cluster,
            ["lease-metrics-a", "lease-metrics-b"],
            new LeaderElectionOptions("system", identity),
            NullLogger.Instance,
            _time,
            rivals: rivals
        );
        var stop = new CancellationTokenSource();
        return (
            elector.RunAsync(static (_, token) => Task.Delay(Timeout.Infinite, token), cluster.For(Resources.Leases, "system"), stop.Token),
            stop
        );
    }
}
