using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Conditions;
using Serving.Api.Core;
using Serving.Autoscaler.Collection;
using Serving.Autoscaler.Reconcilers;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Tests.Support;

namespace Serving.Tests.Autoscaler;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class MetricReconcilerTests
{
    private static readonly ObjectKey Key = new("ns", "rev");
    private readonly ManualTimeProvider _time = new();
    private readonly IEventRecorder _events = Substitute.For<IEventRecorder>();
    private readonly InMemoryCluster _cluster;
    private readonly Scraper _scraper = new();

    public MetricReconcilerTests()
    {
        _cluster = new InMemoryCluster(_time);
        _cluster.Put(
            Resources.Metrics,
            new Metric
            {
                ApiVersion = Resources.Metrics.ApiVersion,
                Kind = "Metric",
                Metadata = new ObjectMeta
                {
                    Namespace = "ns",
                    Name = "rev",
                    Generation = 1,
                },
                Spec = new MetricSpec
                {
                    StableWindow = 60_000_000_000,
                    PanicWindow = 6_000_000_000,
                    ScrapeTarget = "rev-private",
                },
            }
        );
    }

    [TestCase("CollectionFailed", "False", "Failed to reconcile metric collection: it failed")]
    [TestCase("DidNotReceiveStat", "False", "it failed")]
    [TestCase("NoEndpoints", "Unknown", "it failed")]
    public async Task Says_by_the_reason_why_nothing_is_measured(string reason, string status, string message)
    {
        var collector = new MetricCollector(_scraper, _time, NullLogger.Instance);
        var changed = new TaskCompletionSource();
        collector.Changed += _ => changed.TrySetResult();
        var reconciler = new MetricReconciler(_cluster.For(Resources.Metrics), collector, _events, _time);
        await reconciler.ReconcileAsync(Key, _cluster, default);
        Ready().Status.Should().Be("True");

        using var stop = new CancellationTokenSource();
        var running = collector.RunAsync(stop.Token);
        _scraper.Failure = new ScrapeException("it failed") { Reason = reason };
        await Eventually.HoldsAsync(() =>
        {
            _time.Advance(MetricCollector.ScrapeInterval);
            changed.Task.IsCompleted.Should().BeTrue();
        });
        await reconciler.ReconcileAsync(Key, _cluster, default);

        Ready()
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = status,
                    Reason = reason,
                    Message = message,
                }
            );
        await stop.CancelAsync();
        await running;
    }

    [Test]
    public async Task Records_when_its_status_cannot_be_written()
    {
        var reconciler = new MetricReconciler(
            _cluster.For(Resources.Metrics),
            new MetricCollector(_scraper, _time, NullLogger.Instance),
            _events,
            _time
        );
        _cluster.FailNext(
            static request => request.Verb == "update-status",
            new KubernetesException(
                "update metrics",
                new Status
                {
                    Code = 500,
                    Reason = "InternalError",
                    Message = "etcd is full",
                }
            )
        );

        await FluentActions.Awaiting(() => reconciler.ReconcileAsync(Key, _cluster, default)).Should().ThrowAsync<KubernetesException>();

        _events.Received(1).Warning(Arg.Any<Metric>(), "UpdateFailed", Arg.Is<string>(message => message.Contains("etcd is full")));
    }

    private Condition Ready() => ConditionSet.Get(_cluster.Find(Resources.Metrics, "ns", "rev")!.Status.Conditions, "Ready")!;

    private sealed class Scraper : IPodScraper
    {
        public Exception? Failure { get; set; }

        public Task<Stat?> ScrapeAsync(Metric metric, ScrapeMemory memory, CancellationToken cancellation) =>
            Failure is { } failure ? Task.FromException<Stat?>(failure) : Task.FromResult<Stat?>(null);
    }
}
