using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Kubernetes;

namespace Serving.Tests.Autoscaler;

/// <summary>A revision is scaled even if one of its children cannot be written.</summary>
public sealed class FailingChildTests
{
    private AutoscalerWorld world = null!;

    private static IEnumerable<string> Children => ["metrics", "serverlessservices"];

    [SetUp]
    public void SetUp() => world = new AutoscalerWorld();

    [TestCaseSource(nameof(Children))]
    public async Task A_child_that_is_refused_does_not_keep_the_target_from_scaling(string child)
    {
        await world.RunToReadyAsync();
        Refuse(child);
        world.Settings(("autoscaling.knative.dev/window", "30s"), ("autoscaling.knative.dev/target-burst-capacity", "900"));
        world.Measured = (700, 700);

        await world.Awaiting(w => w.PassAsync()).Should().ThrowAsync<KubernetesException>().WithMessage("*refused by a test*");

        world.Replicas.Should().Be(10);
        world.Status.DesiredScale.Should().Be(10, "the status is written too");
        if (child == "metrics")
            world.Cluster.Find(Resources.ServerlessServices, "ns", "rev")!.Spec.NumActivators.Should().BeGreaterThan(4, "the other child is written");
        else
            world.Cluster.Find(Resources.Metrics, "ns", "rev")!.Spec.StableWindow.Should().Be(30_000_000_000, "the other child is written");
    }

    [TestCaseSource(nameof(Children))]
    public async Task A_revision_at_zero_wakes_though_a_child_is_refused(string child)
    {
        await world.RunToReadyAsync();
        await world.ToZeroAsync();
        Refuse(child);
        world.Settings(("autoscaling.knative.dev/window", "30s"));
        world.Measured = (1, 1);

        await world.TryPassAsync();

        world.Replicas.Should().Be(1);
    }

    [Test]
    public async Task Both_refusals_are_reported()
    {
        await world.RunToReadyAsync();
        Refuse("metrics");
        Refuse("serverlessservices");
        world.Settings(("autoscaling.knative.dev/window", "30s"), ("autoscaling.knative.dev/target-burst-capacity", "900"));
        world.Measured = (700, 700);

        var failure = await world.Awaiting(w => w.PassAsync()).Should().ThrowAsync<AggregateException>();

        failure.Which.Message.Should().Contain("metrics").And.Contain("serverlessservices");
        world.Replicas.Should().Be(10);
    }

    [Test]
    public async Task A_target_that_cannot_be_scaled_does_not_keep_requests_from_their_pods()
    {
        await world.RunToReadyAsync();
        world.Cluster.FailNext(request => request is { Verb: "patch", Plural: "deployments" }, Refusal("deployments"));
        world.Pods = 4;
        world.Measured = (150, 150);
        await world.TryPassAsync();
        world.Cluster.Find(Resources.ServerlessServices, "ns", "rev")!.Spec.Mode.Should().Be(ServerlessServiceLifecycle.ModeServe);
    }

    [TestCase("annotation")]
    [TestCase("ConfigMap")]
    public async Task With_activators_always_in_the_path_a_revision_becomes_ready_and_wakes_from_zero(string from)
    {
        if (from == "annotation")
            world.Settings(("autoscaling.knative.dev/target-burst-capacity", "-1"));
        else
            world.Config = world.Config with { Autoscaler = world.Config.Autoscaler with { TargetBurstCapacity = -1 } };

        await world.RunToReadyAsync();
        world.Cluster.Find(Resources.Metrics, "ns", "rev")!.Spec.ScrapeTarget.Should().BeEmpty();
        await world.ToZeroAsync();
        world.Measured = (1, 1);
        await world.PassAsync();
        world.Replicas.Should().Be(1);
    }

    private void Refuse(string child) => world.Cluster.FailNext(request => request.Plural == child && request.Verb is "update" or "create", Refusal(child));

    private static KubernetesException Refusal(string child)
        => new($"update {child} ns/rev", new Status { State = "Failure", Code = 422, Reason = "Invalid", Message = "refused by a test" });
}
