using System.Text.Json;
using FluentAssertions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes;
using Serving.Kubernetes.Events;
using Serving.LocalCluster.Controllers.Autoscaling;
using Serving.Tests.Support;
using static Serving.Tests.LocalCluster.Controllers.Samples;

namespace Serving.Tests.LocalCluster.Controllers.Autoscaling;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class HorizontalPodAutoscalerReconcilerTests
{
    private const string Cpu = """{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":50}}}""";
    private const string Memory =
        """{"type":"Resource","resource":{"name":"memory","target":{"type":"AverageValue","averageValue":"200Mi"}}}""";
    private static readonly ObjectKey Key = new("ns", "d");

    private readonly ManualTimeProvider _time = new();
    private readonly IEventRecorder _events = Substitute.For<IEventRecorder>();
    private readonly InMemoryCluster _cluster;
    private readonly HorizontalPodAutoscalerReconciler _reconciler;
    private PodUsage? _usage;

    public HorizontalPodAutoscalerReconcilerTests()
    {
        _cluster = new InMemoryCluster(_time);
        _reconciler = new HorizontalPodAutoscalerReconciler(_cluster, _ => _usage, _events, _time);
    }

    private int Replicas => _cluster.Find(Resources.Deployments, "ns", "d")!.Spec!.Replicas!.Value;

    private HorizontalPodAutoscalerStatus Status => _cluster.Find(Resources.HorizontalPodAutoscalers, "ns", "d")!.Status!;

    [Test]
    public async Task Says_how_many_pods_there_are_before_any_was_measured()
    {
        Given(pods: 1, metrics: Cpu);

        (await PassAsync()).Should().Be(TimeSpan.FromSeconds(15));

        Status.Should().Match<HorizontalPodAutoscalerStatus>(status => status.CurrentReplicas == 1 && status.DesiredReplicas == 1);
        Condition("ScalingActive")
            .Should()
            .Be(
                "False FailedGetResourceMetric the HPA was unable to compute the replica count: failed to get cpu utilization: did not receive metrics for targeted pods (pods might be unready)"
            );
        Condition("AbleToScale").Should().StartWith("True ReadyForNewScale");

        _time.Advance(TimeSpan.FromSeconds(15));
        _cluster.ForgetWrites();
        await PassAsync();
        _cluster.Writes.Should().BeEmpty("nothing has changed");
    }

    [TestCase(1, 50, 1, TestName = "At the target nothing changes")]
    [TestCase(1, 54, 1, TestName = "Near the target nothing changes")]
    [TestCase(2, 75, 3, TestName = "Above the target pods come in proportion")]
    [TestCase(1, 1000, 4, TestName = "Few pods become four at most")]
    [TestCase(3, 1000, 6, TestName = "Pods double at most")]
    [TestCase(8, 100, 10, TestName = "The maximum is the limit")]
    public async Task Scales_up_at_once(int pods, int millicores, int expected)
    {
        Given(pods, metrics: Cpu);
        _usage = new(millicores / 1000m, 0);

        await PassAsync();
        await PassAsync();

        Replicas.Should().Be(expected, "the second look had nothing new to go by");
        Condition("ScalingActive").Should().StartWith("True ValidMetricFound");
        _events
            .Received(expected == pods ? 0 : 1)
            .Normal(
                Arg.Any<IKubernetesObject>(),
                "SuccessfulRescale",
                $"New size: {expected}; reason: cpu resource utilization (percentage of request) above target"
            );
        Status
            .Should()
            .Match<HorizontalPodAutoscalerStatus>(status => status.CurrentReplicas == expected && status.DesiredReplicas == expected);
    }

    [Test]
    public async Task Scales_down_when_the_load_was_low_for_the_stabilization_window()
    {
        Given(pods: 4, metrics: Cpu, behavior: """{"scaleDown":{"stabilizationWindowSeconds":60}}""");
        _usage = new(0.05m, 0);
        await PassAsync();
        _usage = new(0.01m, 0);

        for (var seconds = 15; seconds <= 60; seconds += 15)
        {
            _time.Advance(TimeSpan.FromSeconds(15));
            await PassAsync();
            Replicas.Should().Be(4, "{0} s are not over", seconds);
        }

        _time.Advance(TimeSpan.FromSeconds(15));
        await PassAsync();
        Replicas.Should().Be(1);
    }

    [Test]
    public async Task The_metric_that_asks_for_most_decides_and_one_that_is_missing_keeps_pods_from_going()
    {
        Given(pods: 2, metrics: $"{Cpu},{Memory}", behavior: """{"scaleDown":{"stabilizationWindowSeconds":0}}""");
        _usage = new(0.001m, 300m * 1024 * 1024);
        await PassAsync();
        Replicas.Should().Be(3);

        _time.Advance(TimeSpan.FromSeconds(15));
        Given(
            pods: 2,
            metrics: Cpu + """,{"type":"Pods","pods":{"metric":{"name":"rps"},"target":{"type":"AverageValue","averageValue":"1"}}}"""
        );
        await PassAsync();
        Replicas.Should().Be(2);
        Condition("ScalingActive").Should().Contain("measures metrics of the type Resource only, and this is Pods");
    }

    [TestCase(1, 3, 10, 3, "True TooFewReplicas")]
    [TestCase(9, 1, 5, 5, "True TooManyReplicas")]
    [TestCase(0, 1, 5, 0, null)]
    public async Task Keeps_the_bounds_without_a_metric_and_leaves_what_is_at_zero(
        int pods,
        int least,
        int most,
        int expected,
        string? limited
    )
    {
        Given(pods, Cpu, least: least, most: most);

        await PassAsync();

        Replicas.Should().Be(expected);
        if (limited is not null)
            Condition("ScalingLimited").Should().StartWith(limited);
        else
            Condition("ScalingActive").Should().StartWith("False ScalingDisabled");
    }

    [Test]
    public async Task Names_the_container_without_a_request_and_the_target_that_is_not_there()
    {
        Given(pods: 1, metrics: Cpu, request: null);
        _usage = new(1, 0);
        await PassAsync();
        Condition("ScalingActive").Should().Contain("missing request for cpu in container c of Pod p0");

        await _cluster.DeleteAsync(Resources.Deployments, "ns", "d", CancellationToken.None);
        await PassAsync();
        Condition("AbleToScale")
            .Should()
            .Be("False FailedGetScale the HPA controller was unable to get the target's current scale: Deployment \"d\" not found");
    }

    private void Given(int pods, string metrics, string? behavior = null, int least = 1, int most = 10, string? request = "100m")
    {
        var requests = request is null
            ? null
            : new ResourceRequirements { Requests = new Dictionary<string, Quantity> { ["cpu"] = new(request) } };
        _cluster.Put(Resources.Deployments, Deployment(pods));
        for (var i = 0; i < pods; i++)
        {
            var pod = Pod($"p{i}", ready: true);
            _cluster.Put(
                Resources.Pods,
                pod with
                {
                    Spec = pod.Spec! with { Containers = [pod.Spec.Containers[0] with { Resources = requests }] },
                }
            );
        }

        _cluster.Put(
            Resources.HorizontalPodAutoscalers,
            new HorizontalPodAutoscaler
            {
                Metadata = new ObjectMeta { Name = "d", Namespace = "ns" },
                Spec = new HorizontalPodAutoscalerSpec
                {
                    ScaleTargetRef = new ObjectReference
                    {
                        ApiVersion = "apps/v1",
                        Kind = "Deployment",
                        Name = "d",
                    },
                    MinReplicas = least,
                    MaxReplicas = most,
                    Metrics = [.. JsonElement.Parse($"[{metrics}]").EnumerateArray()],
                    Behavior = behavior is null ? null : JsonElement.Parse(behavior),
                },
            }
        );
    }

    private async Task<TimeSpan?> PassAsync() => (await _reconciler.ReconcileAsync(Key, _cluster, CancellationToken.None)).Requeue;

    private string Condition(string type)
    {
        var status = JsonSerializer.SerializeToNode(Status, ApiJson.Default.Of<HorizontalPodAutoscalerStatus>())!;
        var condition = status["conditions"]!.AsArray().Single(one => (string?)one!["type"] == type)!;
        return $"{condition["status"]} {condition["reason"]} {condition["message"]}";
    }
}
