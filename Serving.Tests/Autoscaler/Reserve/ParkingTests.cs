using System.Net;
using FluentAssertions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Client;

namespace Serving.Tests.Autoscaler.Reserve;

/// <summary>An idle revision keeps pods with small requests, and gives them their size back with the first request.</summary>
public sealed class ParkingTests
{
    private const string Parked = "10m 10m";
    private const string Full = "100m 25m";

    private ReserveWorld _world = null!;

    [SetUp]
    public void SetUp() => _world = new ReserveWorld();

    [Test]
    public async Task An_idle_revision_keeps_its_pod_parked_instead_of_going_to_zero()
    {
        await _world.BecomeIdleAsync();

        _world.Replicas.Should().Be(1);
        ReserveWorld.Cpu(_world.Pods.Single()).Should().Be(Parked);
        _world.Pods[0].Spec!.Containers[0].Resources!.Requests!["memory"].Should().Be(new Quantity("32Mi"));
        _world
            .Condition("Parked")
            .Should()
            .Be(("True", "Parked", "1 pod parked with requests of 20m CPU and 32Mi memory instead of 125m CPU and 128Mi memory."));
        _world.Condition("Active").Should().Be(("False", "Parked", "The target is not receiving traffic."));
        _world.Condition("Ready").Reason.Should().Be("Parked", "kubectl get kpa shows it");
        _world.Status.Conditions.Single(one => one.Type == "Parked").Severity.Should().Be("Info");
        _world.Mode.Should().Be("Proxy", "the activator must see the next request");
        _world.IsPaused.Should().BeTrue();
        _world.Events.Received(1).Normal(Arg.Any<IKubernetesObject>(), "Parked", Arg.Is<string>(text => text.Contains("20m CPU")));
    }

    [Test]
    public async Task The_first_request_wakes_the_pod_in_the_pass_that_it_triggers()
    {
        await _world.BecomeIdleAsync();
        _world.Cluster.ForgetWrites();

        await _world.RequestAsync();

        ReserveWorld.Cpu(_world.Pods.Single()).Should().Be(Full);
        _world.Pods[0].Spec!.Containers[0].Resources!.Requests!["memory"].Should().Be(new Quantity("128Mi"));
        _world.Cluster.Writes[0].Verb.Should().Be("resize", "nothing is written before it");
        _world.Replicas.Should().Be(1);
        _world.Condition("Parked").Should().Be(("False", "Awake", "1 pod is parked after 60s without requests."));
        _world.Condition("Active").Status.Should().Be("True");
        _world.IsPaused.Should().BeFalse();
        _world.Events.Received(1).Normal(Arg.Any<IKubernetesObject>(), "Woken", Arg.Any<string>());
    }

    [Test]
    public async Task More_load_scales_out_with_pods_of_full_size_and_the_revision_is_parked_again()
    {
        await _world.BecomeIdleAsync();
        _world.Measured = (700, 700);
        await _world.RoundAsync();

        _world.Replicas.Should().Be(10);
        _world.Pods.Select(ReserveWorld.Cpu).Should().HaveCount(10).And.OnlyContain(cpu => cpu == Full);

        await _world.BecomeIdleAsync();
        _world.Replicas.Should().Be(1);
        ReserveWorld.Cpu(_world.Pods.Single()).Should().Be(Parked);
    }

    [Test]
    public async Task A_parked_revision_is_not_written_and_not_probed()
    {
        await _world.BecomeIdleAsync();
        var (probes, before) = (_world.Probes, _world.Cluster.Writes.Count);

        for (var i = 0; i < 20; i++)
        {
            _world.Time.Advance(TimeSpan.FromMinutes(1));
            (await _world.PassAsync()).Requeue.Should().BeNull();
        }

        _world.Cluster.Writes.Should().HaveCount(before);
        _world.Probes.Should().Be(probes);
    }

    [Test]
    public async Task More_pods_than_one_are_kept_parked_and_all_wake()
    {
        _world.Annotate((ReserveKeys.Scale, "3"));
        await _world.BecomeIdleAsync();
        _world.Pods.Select(ReserveWorld.Cpu).Should().HaveCount(3).And.OnlyContain(cpu => cpu == Parked);
        _world.Condition("Parked").Message.Should().StartWith("3 pods parked");

        await _world.RequestAsync();
        _world.Replicas.Should().Be(3, "a pod must not be removed by the request that wakes it");
        _world.Pods.Select(ReserveWorld.Cpu).Should().OnlyContain(cpu => cpu == Full);
    }

    [Test]
    public async Task Fewer_pods_are_kept_than_max_scale()
    {
        _world.Annotate((ReserveKeys.Scale, "3"), (AutoscalingKeys.MaxScale.Key, "2"));
        await _world.BecomeIdleAsync();
        _world.Replicas.Should().Be(2);
    }

    [Test]
    public async Task Pods_are_parked_after_reserve_after()
    {
        _world.Annotate((ReserveKeys.After, "10m"));
        await _world.BecomeActiveAsync();
        _world.Measured = (0, 0);
        for (var i = 0; i < 9; i++)
        {
            _world.Time.Advance(TimeSpan.FromSeconds(58));
            await _world.RoundAsync();
        }

        ReserveWorld.Cpu(_world.Pods.Single()).Should().Be(Full, "that is less than ten minutes");
        _world.Condition("Parked").Should().Be(("False", "Awake", "1 pod is parked after 600s without requests."));
        _world.Time.Advance(TimeSpan.FromMinutes(3));
        await _world.RoundAsync();
        await _world.RoundAsync();
        ReserveWorld.Cpu(_world.Pods.Single()).Should().Be(Parked);
    }

    [Test]
    public async Task A_pod_that_is_killed_while_parked_is_replaced_and_parked_when_it_is_ready()
    {
        await _world.BecomeIdleAsync();
        _world.Delete(_world.Pods.Single());
        await _world.PassAsync();
        _world.Condition("Parked").Should().Be(("Unknown", "Resizing", "0 of 1 pod parked."));

        _world.PlayDeployment();
        await _world.PassAsync();

        ReserveWorld.Cpu(_world.Pods.Single()).Should().Be(Parked);
        _world.Replicas.Should().Be(1);
    }

    [Test]
    public async Task A_new_leader_knows_that_pods_are_parked_and_wakes_them()
    {
        await _world.BecomeIdleAsync();
        _world.Restart();
        _world.Measured = null;
        _world.Cluster.ForgetWrites();
        await _world.PassAsync();
        _world.Cluster.Writes.Should().BeEmpty();
        _world.IsPaused.Should().BeTrue();

        await _world.RequestAsync();
        ReserveWorld.Cpu(_world.Pods.Single()).Should().Be(Full);
    }

    [Test]
    public async Task A_leader_that_died_between_scaling_and_resizing_is_continued_by_the_next()
    {
        await _world.BecomeIdleAsync();
        await _world.RequestAsync();
        _world.Measured = (0, 0);
        _world.Annotate((ReserveKeys.Scale, "2"));
        _world.Cluster.FailNext(request => request.Verb == "resize", Failure(HttpStatusCode.ServiceUnavailable, "the leader died"));
        try
        {
            await _world.BecomeIdleAsync();
        }
        catch (KubernetesException)
        {
            // The pass after the scale, in which the resize failed.
        }

        _world.Restart();
        _world.Measured = (0, 0);
        for (var i = 0; i < 8; i++)
        {
            _world.Time.Advance(TimeSpan.FromSeconds(61));
            await _world.RoundAsync();
        }

        _world.Pods.Select(ReserveWorld.Cpu).Should().HaveCount(2).And.OnlyContain(cpu => cpu == Parked);
    }

    [Test]
    public async Task A_leader_that_died_while_it_woke_pods_is_continued_by_the_next()
    {
        _world.Annotate((ReserveKeys.Scale, "2"));
        await _world.BecomeIdleAsync();
        var first = true;
        _world.Cluster.FailNext(
            request => request.Verb == "resize" && !(first && !(first = false)),
            Failure(HttpStatusCode.ServiceUnavailable, "the leader died")
        );
        await _world.Invoking(world => world.RequestAsync()).Should().ThrowAsync<KubernetesException>();
        _world.Pods.Select(ReserveWorld.Cpu).Should().ContainSingle(cpu => cpu == Parked, "only one of two is awake");

        _world.Restart();
        await _world.PassAsync();
        await _world.RequestAsync();
        _world.Pods.Select(ReserveWorld.Cpu).Should().OnlyContain(cpu => cpu == Full);
    }

    [Test]
    public async Task Does_not_park_a_pod_that_was_changed_meanwhile_and_tries_with_the_newest()
    {
        _world.Cluster.FailNext(request => request.Verb == "resize", Failure(HttpStatusCode.Conflict, "modified"));
        await _world.BecomeIdleAsync();
        ReserveWorld.Cpu(_world.Pods.Single()).Should().Be(Parked);
    }

    [Test]
    public async Task A_pod_that_is_awake_already_is_not_reported_as_woken_again()
    {
        await _world.BecomeIdleAsync();
        _world.Cluster.FailNext(
            request =>
            {
                if (request.Verb != "resize")
                    return false;
                var pod = _world.Pods.Single();
                _world.Cluster.Put(Resources.Pods, pod with { Spec = ReserveWorld.Template("100m", "128Mi") });
                return true;
            },
            Failure(HttpStatusCode.Conflict, "modified")
        );
        await _world.RequestAsync();
        _world.Events.DidNotReceive().Normal(Arg.Any<IKubernetesObject>(), "Woken", Arg.Any<string>());
        _world.Condition("Parked").Reason.Should().Be("Awake");
    }

    [Test]
    public async Task A_revision_without_a_route_keeps_nothing()
    {
        await _world.BecomeIdleAsync();
        _world.Reach("Unreachable");
        for (var i = 0; i < 4; i++)
        {
            _world.Time.Advance(TimeSpan.FromSeconds(31));
            await _world.RoundAsync();
        }

        _world.Replicas.Should().Be(0);
        _world.Condition("Parked").Should().Be(("False", "Unreachable", "No route refers to the revision, so it keeps no pods."));
    }

    [Test]
    public async Task A_new_leader_removes_the_parked_pods_of_a_revision_without_a_route()
    {
        await _world.BecomeIdleAsync();
        _world.Reach("Unreachable");
        _world.Restart();
        _world.Measured = null;
        for (var i = 0; i < 4; i++)
        {
            _world.Time.Advance(TimeSpan.FromSeconds(31));
            await _world.RoundAsync();
        }

        _world.Replicas.Should().Be(0);
    }

    [Test]
    public async Task With_min_scale_pods_stay_at_full_size()
    {
        _world.Annotate((AutoscalingKeys.MinScale.Key, "1"));
        await _world.BecomeIdleAsync();
        ReserveWorld.Cpu(_world.Pods.Single()).Should().Be(Full);
        _world.Condition("Parked").Reason.Should().Be("MinScale");
    }

    [Test]
    public async Task A_cluster_that_does_not_scale_to_zero_parks_nothing()
    {
        _world.Config = ConfigSnapshot.Default with { Autoscaler = AutoscalerConfig.Default with { EnableScaleToZero = false } };
        await _world.BecomeIdleAsync();
        ReserveWorld.Cpu(_world.Pods.Single()).Should().Be(Full);
        _world.Condition("Parked").Reason.Should().Be("ScaleToZeroDisabled");
    }

    [Test]
    public async Task A_revision_at_zero_gets_no_pods_when_parking_is_switched_on()
    {
        _world.Annotate((ReserveKeys.Scale, "0"));
        await _world.BecomeIdleAsync();
        _world.Replicas.Should().Be(0);
        _world.Condition("Parked").Should().Be(("", "", ""));

        _world.Annotate((ReserveKeys.Scale, "1"));
        await _world.RoundAsync();
        _world.Replicas.Should().Be(0, "a changed default must not start a pod for each idle revision");

        await _world.BecomeIdleAsync();
        ReserveWorld.Cpu(_world.Pods.Single()).Should().Be(Parked);
    }

    [Test]
    public async Task Pods_wake_although_parking_was_switched_off_meanwhile()
    {
        await _world.BecomeIdleAsync();
        _world.Annotate((ReserveKeys.Scale, "0"));
        await _world.RequestAsync();
        ReserveWorld.Cpu(_world.Pods.Single()).Should().Be(Full);
        await _world.PassAsync();
        _world.Condition("Parked").Should().Be(("", "", ""));
    }

    [Test]
    public async Task Other_amounts_are_applied_to_parked_pods()
    {
        await _world.BecomeIdleAsync();
        _world.Annotate((ReserveKeys.Cpu, "5m"));
        await _world.PassAsync();
        ReserveWorld.Cpu(_world.Pods.Single()).Should().Be("5m 5m");
    }

    [Test]
    public async Task The_class_of_the_horizontal_pod_autoscaler_parks_nothing()
    {
        _world.Annotate((AutoscalingKeys.Class.Key, AutoscalingKeys.HpaClass));
        await _world.PassAsync();
        _world.Status.Conditions.Should().NotContain(one => one.Type == "Parked");
    }

    private static KubernetesException Failure(HttpStatusCode code, string message) =>
        new(
            "patch pods/resize",
            new Status
            {
                Code = (int)code,
                Reason = code == HttpStatusCode.Conflict ? "Conflict" : "",
                Message = message,
            }
        );
}
