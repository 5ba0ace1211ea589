using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Core;
using Serving.Autoscaler.Collection;
using Serving.Autoscaler.Reconcilers;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes;
using Serving.Tests.Support;

namespace Serving.Tests.Autoscaler;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class MetricReconcilerTests
{
    private static readonly ObjectKey Key = new("ns", "rev");
    private readonly ManualTimeProvider time = new();
    private readonly IEventRecorder events = Substitute.For<IEventRecorder>();
    private readonly InMemoryCluster cluster;
    private readonly Scraper scraper = new();

    public MetricReconcilerTests()
    {
        cluster = new InMemoryCluster(time);
        cluster.Put(Resources.Metrics, new Metric
        {
            ApiVersion = Resources.Metrics.ApiVersion,
            Kind = "Metric",
            Metadata = new ObjectMeta { Namespace = "ns", Name = "rev", Generation = 1 },
            Spec = new MetricSpec { StableWindow = 60_000_000_000, PanicWindow = 6_000_000_000, ScrapeTarget = "rev-private" },
        });
    }

    [TestCase("CollectionFailed", "False", "Failed to reconcile metric collection: it failed")]
    [TestCase("DidNotReceiveStat", "False", "it failed")]
    [TestCase("NoEndpoints", "Unknown", "it failed")]
    public async Task Says_by_the_reason_why_nothing_is_measured(string reason, string status, string message)
    {
        var collector = new MetricCollector(scraper, time, NullLogger.Instance);
        var changed = new TaskCompletionSource();
        collector.Changed += _ => changed.TrySetResult();
        var reconciler = new MetricReconciler(cluster.For(Resources.Metrics), collector, events, time);
        await reconciler.ReconcileAsync(Key, cluster, default);
        Ready().Status.Should().Be("True");

        using var stop = new CancellationTokenSource();
        var running = collector.RunAsync(stop.Token);
        scraper.Failure = new ScrapeException("it failed") { Reason = reason };
        await Eventually.HoldsAsync(() =>
        {
            time.Advance(MetricCollector.ScrapeInterval);
            changed.Task.IsCompleted.Should().BeTrue();
        });
        await reconciler.ReconcileAsync(Key, cluster, default);

        Ready().Should().BeEquivalentTo(new { Status = status, Reason = reason, Message = message });
        await stop.CancelAsync();
        await running;
    }

    [Test]
    public async Task Records_when_its_status_cannot_be_written()
    {
        var reconciler = new MetricReconciler(cluster.For(Resources.Metrics), new MetricCollector(scraper, time, NullLogger.Instance), events, time);
        cluster.FailNext(static request => request.Verb == "update-status", new KubernetesException("update metrics", new Status { Code = 500, Reason = "InternalError", Message = "etcd is full" }));

        await FluentActions.Awaiting(() => reconciler.ReconcileAsync(Key, cluster, default)).Should().ThrowAsync<KubernetesException>();

        events.Received(1).Warning(Arg.Any<Metric>(), "UpdateFailed", Arg.Is<string>(message => message.Contains("etcd is full")));
    }

    private Condition Ready() => ConditionSet.Get(cluster.Find(Resources.Metrics, "ns", "rev")!.Status.Conditions, "Ready")!;

    private sealed class Scraper : IPodScraper
    {
        public Exception? Failure { get; set; }

        public Task<Stat?> ScrapeAsync(Metric metric, ScrapeMemory memory, CancellationToken cancellation)
            => Failure is { } failure ? Task.FromException<Stat?>(failure) : Task.FromResult<Stat?>(null);
    }
}
