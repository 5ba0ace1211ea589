using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Autoscaler.Collection;
using Serving.Autoscaler.ScaleDown;
using Serving.Kubernetes.Client;
using Serving.Tests.Support;

namespace Serving.Tests.Autoscaler.ScaleDown;

public sealed class ScaleDownOrderTests
{
    private AutoscalerWorld _world = null!;

    [SetUp]
    public async Task SetUp()
    {
        _world = new AutoscalerWorld();
        _world.Settings(("autoscaling.knative.dev/target", "10"), ("autoscaling.knative.dev/target-utilization-percentage", "100"));
        await _world.RunToReadyAsync();
        await ServeAsync(100, pods: 10);
        _world.Cluster.ForgetWrites();
    }

    [Test]
    public async Task The_least_busy_pods_are_removed()
    {
        var all = Names();
        for (var i = 0; i < all.Count; i++)
            _world.InFlight[all[i]] = i % 2 == 0 ? 0 : i;

        await ServeAsync(50, pods: 5);

        Names().Should().BeEquivalentTo(all.Where((_, i) => i % 2 != 0));
        PodWrites().Should().HaveCount(5);
    }

    [Test]
    public async Task Nothing_is_asked_or_written_but_before_a_scale_down()
    {
        _world.Asked.Should().Be(0, "pods were only added");
        await ServeAsync(100, pods: 10);
        _world.Asked.Should().Be(0);

        await ServeAsync(50, pods: 5);
        _world.Asked.Should().Be(1);
        PodWrites().Should().BeEmpty("all pods are equally idle");
    }

    [Test]
    public async Task Nothing_is_asked_when_the_last_pod_goes()
    {
        await ServeAsync(10, pods: 1);
        var asked = _world.Asked;
        await _world.ToZeroAsync();
        _world.Asked.Should().Be(asked);
    }

    [Test]
    public async Task Pods_that_are_not_ready_go_first_and_cost_nothing()
    {
        var pods = _world.Cluster.All(Resources.Pods, "ns");
        foreach (var pod in pods.Take(5))
            _world.Cluster.Put(Resources.Pods, pod with { Status = new PodStatus { Phase = "Pending" } });
        _world.InFlight[pods[9].Metadata.Name] = 3;

        await ServeAsync(50, pods: 5);

        _world.Asked.Should().Be(0);
        Names().Should().BeEquivalentTo(pods.Skip(5).Select(pod => pod.Metadata.Name));
    }

    [Test]
    public async Task Config_reserve_switches_it_off()
    {
        _world.Config = _world.Config with { Reserve = _world.Config.Reserve with { SparesBusyPods = false } };
        _world.InFlight[Names()[0]] = 3;

        await ServeAsync(50, pods: 5);

        _world.Asked.Should().Be(0);
        PodWrites().Should().BeEmpty();
    }

    [Test]
    public async Task Where_no_pod_can_be_asked_Kubernetes_chooses()
    {
        foreach (var name in Names())
            _world.InFlight[name] = null;

        await ServeAsync(50, pods: 5);

        PodWrites().Should().BeEmpty();
    }

    [TestCase(HttpStatusCode.Conflict, "Conflict")]
    [TestCase(HttpStatusCode.NotFound, "NotFound")]
    [TestCase(HttpStatusCode.Forbidden, "Forbidden")]
    [TestCase(HttpStatusCode.ServiceUnavailable, "ServiceUnavailable")]
    public async Task A_failed_write_does_not_keep_the_scale_from_being_written(HttpStatusCode code, string reason)
    {
        using var metrics = new CollectedMetrics(ScrapeMetrics.MeterName);
        var before = Count(metrics, "failed");
        Busy(3);
        for (var i = 0; i < 3; i++)
            FailNext(code, reason);

        await ServeAsync(50, pods: 5);

        _world.Replicas.Should().Be(5);
        PodWrites().Should().HaveCount(3);
        (Count(metrics, "failed") - before).Should().BeGreaterThanOrEqualTo(3);
    }

    [Test]
    public async Task Without_the_right_to_patch_pods_it_is_tried_every_ten_minutes()
    {
        Busy(1);
        FailNext(HttpStatusCode.Forbidden, "Forbidden");
        await ServeAsync(50, pods: 5);
        await ServeAsync(20, pods: 2);
        _world.Asked.Should().Be(1);
        _world
            .Log.Lines.Should()
            .ContainSingle(line => line.StartsWith("Warning", StringComparison.Ordinal))
            .Which.Should()
            .Contain("config-reserve");

        _world.Time.Advance(ScaleDownOrder.ForbiddenLasts);
        await ServeAsync(100, pods: 10);
        await ServeAsync(50, pods: 5);
        _world.Asked.Should().Be(2);
    }

    [Test]
    public async Task A_decision_writes_no_more_than_its_bound_and_counts_the_rest()
    {
        using var metrics = new CollectedMetrics(ScrapeMetrics.MeterName);
        await ServeAsync(1000, pods: 100);
        var names = Names();
        for (var i = 0; i < names.Count; i++)
            _world.InFlight[names[i]] = i;
        _world.Cluster.ForgetWrites();
        var (skipped, written) = (Count(metrics, "skipped"), Count(metrics, "written"));

        await ServeAsync(500, pods: 50);

        PodWrites().Should().HaveCount(ScaleDownOrder.MostWrites);
        Names().Should().Contain(names.TakeLast(ScaleDownOrder.MostWrites), "the busiest are spared first");
        (Count(metrics, "written") - written).Should().BeGreaterThanOrEqualTo(ScaleDownOrder.MostWrites);
        (Count(metrics, "skipped") - skipped).Should().BeGreaterThanOrEqualTo(30);
    }

    private static double Count(CollectedMetrics metrics, string outcome) =>
        metrics.Collect().GetValueOrDefault($"serving.autoscaler.deletion_costs{{outcome={outcome}}}");

    private void Busy(int count)
    {
        foreach (var name in Names().Take(count))
            _world.InFlight[name] = 3;
    }

    private void FailNext(HttpStatusCode code, string reason) =>
        _world.Cluster.FailNext(
            request => request is { Verb: "patch", Plural: "pods" },
            new KubernetesException(
                "patch pods",
                new Status
                {
                    Code = (int)code,
                    Reason = reason,
                    Message = "refused",
                }
            )
        );

    private List<string> Names() => [.. _world.Cluster.All(Resources.Pods, "ns").Select(pod => pod.Metadata.Name)];

    private IEnumerable<InMemoryCluster.Request> PodWrites() =>
        _world.Cluster.Writes.Where(write => write is { Verb: "patch", Plural: "pods" });

    /// <summary>Has this many requests in flight until the revision has as many pods as they need.</summary>
    private async Task ServeAsync(double requests, int pods)
    {
        _world.Measured = (requests, requests);
        for (var round = 0; round < 60 && _world.Pods != pods; round++)
        {
            _world.Time.Advance(TimeSpan.FromSeconds(30));
            await _world.RoundAsync();
        }

        await _world.RoundAsync();
        _world.Pods.Should().Be(pods);
    }
}
