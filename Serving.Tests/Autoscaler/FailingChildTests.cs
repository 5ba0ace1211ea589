using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Kubernetes.Client;

namespace Serving.Tests.Autoscaler;

/// <summary>A revision is scaled even if one of its children cannot be written.</summary>
public sealed class FailingChildTests
{
    private AutoscalerWorld _world = null!;

    private static IEnumerable<string> Children => ["metrics", "serverlessservices"];

    [SetUp]
    public void SetUp() => _world = new AutoscalerWorld();

    [TestCaseSource(nameof(Children))]
    public async Task A_child_that_is_refused_does_not_keep_the_target_from_scaling(string child)
    {
        await _world.RunToReadyAsync();
        Refuse(child);
        _world.Settings(("autoscaling.knative.dev/window", "30s"), ("autoscaling.knative.dev/target-burst-capacity", "900"));
        _world.Measured = (700, 700);

        await _world.Awaiting(w => w.PassAsync()).Should().ThrowAsync<KubernetesException>().WithMessage("*refused by a test*");

        _world.Replicas.Should().Be(10);
        _world.Status.DesiredScale.Should().Be(10, "the status is written too");
        if (child == "metrics")
            _world
                .Cluster.Find(Resources.ServerlessServices, "ns", "rev")!
                .Spec.NumActivators.Should()
                .BeGreaterThan(4, "the other child is written");
        else
            _world
                .Cluster.Find(Resources.Metrics, "ns", "rev")!
                .Spec.StableWindow.Should()
                .Be(30_000_000_000, "the other child is written");
    }

    [TestCaseSource(nameof(Children))]
    public async Task A_revision_at_zero_wakes_though_a_child_is_refused(string child)
    {
        await _world.RunToReadyAsync();
        await _world.ToZeroAsync();
        Refuse(child);
        _world.Settings(("autoscaling.knative.dev/window", "30s"));
        _world.Measured = (1, 1);

        await _world.TryPassAsync();

        _world.Replicas.Should().Be(1);
    }

    [Test]
    public async Task Both_refusals_are_reported()
    {
        await _world.RunToReadyAsync();
        Refuse("metrics");
        Refuse("serverlessservices");
        _world.Settings(("autoscaling.knative.dev/window", "30s"), ("autoscaling.knative.dev/target-burst-capacity", "900"));
        _world.Measured = (700, 700);

        var failure = await _world.Awaiting(w => w.PassAsync()).Should().ThrowAsync<AggregateException>();

        failure.Which.Message.Should().Contain("metrics").And.Contain("serverlessservices");
        _world.Replicas.Should().Be(10);
    }

    [Test]
    public async Task A_target_that_cannot_be_scaled_does_not_keep_requests_from_their_pods()
    {
        await _world.RunToReadyAsync();
        _world.Cluster.FailNext(request => request is { Verb: "patch", Plural: "deployments" }, Refusal("deployments"));
        _world.Pods = 4;
        _world.Measured = (150, 150);
        await _world.TryPassAsync();
        _world.Cluster.Find(Resources.ServerlessServices, "ns", "rev")!.Spec.Mode.Should().Be(ServerlessServiceLifecycle.ModeServe);
    }

    [TestCase("annotation")]
    [TestCase("ConfigMap")]
    public async Task With_activators_always_in_the_path_a_revision_becomes_ready_and_wakes_from_zero(string from)
    {
        if (from == "annotation")
            _world.Settings(("autoscaling.knative.dev/target-burst-capacity", "-1"));
        else
            _world.Config = _world.Config with { Autoscaler = _world.Config.Autoscaler with { TargetBurstCapacity = -1 } };

        await _world.RunToReadyAsync();
        _world.Cluster.Find(Resources.Metrics, "ns", "rev")!.Spec.ScrapeTarget.Should().BeEmpty();
        await _world.ToZeroAsync();
        _world.Measured = (1, 1);
        await _world.PassAsync();
        _world.Replicas.Should().Be(1);
    }

    private void Refuse(string child) =>
        _world.Cluster.FailNext(request => request.Plural == child && request.Verb is "update" or "create", Refusal(child));

    private static KubernetesException Refusal(string child) =>
        new(
            $"update {child} ns/rev",
            new Status
            {
                State = "Failure",
                Code = 422,
                Reason = "Invalid",
                Message = "refused by a test",
            }
        );
}
