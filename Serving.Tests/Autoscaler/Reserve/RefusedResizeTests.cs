using System.Net;
using FluentAssertions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Client;

namespace Serving.Tests.Autoscaler.Reserve;

/// <summary>What the cluster or a node does not permit is reported, and requests are served all the same.</summary>
public sealed class RefusedResizeTests
{
    private const string Parked = "10m 10m";
    private const string Full = "100m 25m";

    private ReserveWorld _world = null!;

    [SetUp]
    public void SetUp() => _world = new ReserveWorld();

    [Test]
    public async Task A_cluster_without_resizes_keeps_pods_of_full_size()
    {
        _world.IsResizeServed = false;
        await _world.BecomeIdleAsync();

        _world.Replicas.Should().Be(1);
        ReserveWorld.Cpu(_world.Pods.Single()).Should().Be(Full);
        _world.Condition("Ready").Reason.Should().Be("Kept");
        _world
            .Condition("Parked")
            .Should()
            .Be(
                (
                    "False",
                    "NotSupported",
                    "1 pod stays at full size while idle: the cluster does not serve pods/resize, which Kubernetes has since 1.33"
                )
            );
        _world.Cluster.Writes.Should().NotContain(write => write.Verb == "resize");
    }

    [Test]
    public async Task A_cluster_that_was_upgraded_parks_later()
    {
        _world.IsResizeServed = false;
        await _world.BecomeIdleAsync();
        _world.IsResizeServed = true;
        _world.Time.Advance(TimeSpan.FromMinutes(11));
        await _world.PassAsync();
        ReserveWorld.Cpu(_world.Pods.Single()).Should().Be(Parked);
    }

    [Test]
    public async Task A_node_without_resizes_is_asked_once_in_ten_minutes()
    {
        for (var i = 0; i < 2; i++)
            RefuseNext("spec: Forbidden: Pod running on node without support for resize");
        await _world.BecomeIdleAsync();
        _world.Condition("Parked").Reason.Should().Be("ResizeRefused");
        _world.Condition("Parked").Message.Should().Contain("Pod running on node without support for resize");

        _world.Time.Advance(TimeSpan.FromMinutes(11));
        await _world.PassAsync();
        _world.Cluster.ForgetWrites();
        for (var i = 0; i < 10; i++)
        {
            _world.Time.Advance(TimeSpan.FromSeconds(50));
            (await _world.PassAsync()).Requeue.Should().NotBeNull();
        }

        _world.Cluster.Writes.Should().BeEmpty();
        await _world.RequestAsync();
        _world.Condition("Active").Status.Should().Be("True");
        _world.Events.Received().Warning(Arg.Any<IKubernetesObject>(), "ResizeRefused", Arg.Is<string>(text => text.Contains("rev-001")));
    }

    [Test]
    public async Task A_refused_wake_starts_another_pod_and_is_tried_again()
    {
        await _world.BecomeIdleAsync();
        RefuseNext("exceeded quota: compute");

        _world.Measured = (1, 1);
        (await _world.PassAsync()).Requeue.Should().Be(TimeSpan.FromSeconds(10));

        _world.Replicas.Should().Be(2);
        _world
            .Condition("Parked")
            .Should()
            .Be(("False", "ResizeRefused", "A parked pod cannot get its full size back, another starts: exceeded quota: compute"));
        await _world.RoundAsync();
        _world.Pods.Select(ReserveWorld.Cpu).Should().OnlyContain(cpu => cpu == Full);
        _world.Condition("Parked").Reason.Should().Be("Awake");
        await _world.RoundAsync();
        _world.Replicas.Should().Be(1);
    }

    [TestCase("Deferred", "Deferred")]
    [TestCase("Infeasible", "Infeasible")]
    public async Task A_pod_that_cannot_grow_on_its_node_is_replaced_by_one_that_starts(string reason, string condition)
    {
        await _world.BecomeIdleAsync();
        await _world.RequestAsync();
        _world.SetNode(_world.Pods.Single(), "PodResizePending", reason, "not enough cpu");
        await _world.PassAsync();

        _world.Replicas.Should().Be(2);
        _world
            .Condition("Parked")
            .Should()
            .Be(("False", condition, "1 pod cannot grow to full size on the node, so as many start elsewhere: not enough cpu"));
        _world.Events.Received(1).Warning(Arg.Any<IKubernetesObject>(), "ResizeDeferred", Arg.Any<string>());
        _world.PlayDeployment();
        _world.Cluster.ForgetWrites();
        for (var i = 0; i < 5; i++)
            await _world.PassAsync();
        _world.Cluster.Writes.Where(write => write.Verb is "resize" or "patch").Should().BeEmpty("a node may defer for ever");

        _world.PlayNodes();
        await _world.PassAsync();
        _world.Replicas.Should().Be(1);
        _world.Condition("Parked").Reason.Should().Be("Awake");
    }

    [Test]
    public async Task A_replacement_does_not_exceed_max_scale()
    {
        _world.Annotate((AutoscalingKeys.MaxScale.Key, "1"));
        await _world.BecomeIdleAsync();
        await _world.RequestAsync();
        _world.SetNode(_world.Pods.Single(), "PodResizePending", "Deferred", "not enough cpu");
        await _world.PassAsync();
        _world.Replicas.Should().Be(1);
    }

    [Test]
    public async Task A_node_that_can_never_park_a_pod_gives_it_its_requests_back()
    {
        await _world.BecomeIdleAsync();
        _world.SetNode(_world.Pods.Single(), "PodResizePending", "Infeasible", "static CPU manager");
        await _world.PassAsync();

        ReserveWorld.Cpu(_world.Pods.Single()).Should().Be(Full);
        _world.Condition("Parked").Should().Be(("False", "Infeasible", "1 pod stays at full size while idle: static CPU manager"));
        _world.Replicas.Should().Be(1);
    }

    [Test]
    public async Task Memory_that_the_program_uses_stays_granted_and_is_reported()
    {
        await _world.BecomeIdleAsync();
        _world.SetNode(_world.Pods.Single(), "PodResizeInProgress", "Error", "memory of user-container is in use");
        await _world.PassAsync();

        _world.Condition("Parked").Status.Should().Be("True");
        _world.Condition("Parked").Reason.Should().Be("PartlyGranted");
        _world.Condition("Parked").Message.Should().EndWith("the node has not granted all of it: memory of user-container is in use");
        ReserveWorld.Cpu(_world.Pods.Single()).Should().Be(Parked);
    }

    [Test]
    public async Task The_condition_waits_for_the_node()
    {
        await _world.BecomeActiveAsync();
        _world.Measured = (0, 0);
        for (var i = 0; i < 4; i++)
        {
            _world.Time.Advance(TimeSpan.FromSeconds(61));
            await _world.PassAsync();
        }

        _world
            .Condition("Parked")
            .Should()
            .Be(("Unknown", "Resizing", "1 pod asked to request 20m CPU and 32Mi memory instead of 125m CPU and 128Mi memory."));
        _world.PlayNodes();
        await _world.PassAsync();
        _world.Condition("Parked").Status.Should().Be("True");
    }

    [Test]
    public async Task The_limits_of_a_guaranteed_pod_follow_its_requests()
    {
        _world.Put(ReserveWorld.Template("100m", "128Mi", isGuaranteed: true));
        await _world.BecomeIdleAsync();

        var container = _world.Pods.Single().Spec!.Containers[0].Resources!;
        container.Limits!["cpu"].Should().Be(new Quantity("10m"));
        container.Limits!["memory"].Should().Be(new Quantity("32Mi"));
        await _world.RequestAsync();
        _world.Pods.Single().Spec!.Containers[0].Resources!.Limits!["memory"].Should().Be(new Quantity("128Mi"));
    }

    [Test]
    public async Task Where_memory_limits_cannot_be_lowered_only_cpu_is()
    {
        RefuseNext("resources.limits: Forbidden: memory limits cannot be decreased unless resizePolicy is RestartContainer");
        _world.Put(ReserveWorld.Template("100m", "128Mi", isGuaranteed: true));
        await _world.BecomeIdleAsync();

        var container = _world.Pods.Single().Spec!.Containers[0].Resources!;
        container.Limits!["cpu"].Should().Be(new Quantity("10m"));
        container.Limits!["memory"].Should().Be(new Quantity("128Mi"));
        _world.Condition("Parked").Status.Should().Be("True");
        _world.Cluster.ForgetWrites();
        await _world.PassAsync();
        _world.Cluster.Writes.Should().BeEmpty();
        await _world.RequestAsync();
        _world.Pods.Single().Spec!.Containers[0].Resources!.Limits!["cpu"].Should().Be(new Quantity("100m"));
    }

    [Test]
    public async Task A_pod_that_is_gone_is_no_failure()
    {
        await _world.BecomeIdleAsync();
        _world.Cluster.FailNext(
            request => request.Verb == "resize",
            new KubernetesException(
                "patch pods/resize",
                new Status
                {
                    Code = 404,
                    Reason = "NotFound",
                    Message = "pods \"rev-001\" not found",
                }
            )
        );
        await _world.RequestAsync();
        _world.Events.DidNotReceive().Warning(Arg.Any<IKubernetesObject>(), Arg.Any<string>(), Arg.Any<string>());
    }

    private void RefuseNext(string message) => _world.Cluster.FailNext(request => request.Verb == "resize", Forbidden(message));

    private static KubernetesException Forbidden(string message) =>
        new(
            "patch pods/resize",
            new Status
            {
                Code = (int)HttpStatusCode.Forbidden,
                Reason = "Forbidden",
                Message = message,
            }
        );
}
