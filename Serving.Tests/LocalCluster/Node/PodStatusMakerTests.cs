using System.Text.Json;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.LocalCluster.Node;
using Serving.LocalCluster.Node.Pods;

namespace Serving.Tests.LocalCluster.Node;

public sealed class PodStatusMakerTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch.AddYears(50);

    private static readonly ContainerStatus Waiting = new()
    {
        Name = "a",
        State = new() { Waiting = new() { Reason = "ContainerCreating" } },
    };
    private static readonly ContainerStatus Running = new()
    {
        Name = "a",
        State = new() { Running = new() },
    };
    private static readonly ContainerStatus Ready = Running with { Ready = true };
    private static readonly ContainerStatus Crashing = Waiting with { LastState = Ended(1).State };

    [Test]
    public void A_pod_is_pending_until_each_container_has_run() => Make("Always", Waiting).Phase.Should().Be("Pending");

    [Test]
    public void A_pod_between_restarts_is_running() => Make("Always", Crashing).Phase.Should().Be("Running");

    [TestCase("Never", 0, "Succeeded")]
    [TestCase("OnFailure", 0, "Succeeded")]
    [TestCase("Never", 3, "Failed")]
    [TestCase("OnFailure", 3, "Running")]
    [TestCase("Always", 0, "Running")]
    public void The_phase_of_a_pod_whose_container_ended_follows_its_policy(string policy, int code, string phase) =>
        Make(policy, Ended(code)).Phase.Should().Be(phase);

    [Test]
    public void A_pod_is_ready_when_its_containers_are()
    {
        Condition(Make("Always", Ready), "Ready").Status.Should().Be("True");
        var not = Condition(Make("Always", Running), "Ready");
        not.Status.Should().Be("False");
        not.Reason.Should().Be("ContainersNotReady");
        not.Message.Should().Be("containers with unready status: [a]");
    }

    [Test]
    public void A_pod_that_ends_is_not_ready_at_once()
    {
        var status = Make("Always", Ready, terminating: true);

        Condition(status, "Ready").Status.Should().Be("False");
        status.ContainerStatuses[0].Ready.Should().BeFalse();
    }

    [Test]
    public void A_pod_that_ended_well_says_so()
    {
        Condition(Make("Never", Ended(0)), "Ready").Reason.Should().Be("PodCompleted");
        Condition(Make("Never", Ended(1)), "Ready").Reason.Should().Be("PodFailed");
    }

    [Test]
    public void A_condition_that_stays_keeps_its_time()
    {
        var before = Make("Always", Running);
        var pod = Pod("Always");
        var after = PodStatusMaker.Make(pod, Seen(Ready), before.Conditions, Now.AddSeconds(5));

        Condition(after, "PodScheduled").LastTransitionTime.Should().Be(Now);
        Condition(after, "Ready").LastTransitionTime.Should().Be(Now.AddSeconds(5));
    }

    [TestCase("""{"limits":{"cpu":"1","memory":"1Gi"}}""", "Guaranteed")]
    [TestCase("""{"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":"1000m","memory":"1024Mi"}}""", "Guaranteed")]
    [TestCase("""{"requests":{"cpu":"25m"}}""", "Burstable")]
    [TestCase("{}", "BestEffort")]
    public void The_quality_of_service_follows_the_resources(string resources, string expected) =>
        PodStatusMaker.QosClass(Spec($$"""{"containers":[{"name":"a","resources":{{resources}} }] }""")).Should().Be(expected);

    [TestCase("100", "Insufficient cpu", "cpu", "100000")]
    [TestCase("x", "Insufficient memory", "memory", "1Pi")]
    public void A_pod_that_asks_for_more_than_the_machine_is_unschedulable(string name, string reason, string resource, string amount)
    {
        var pod = new Pod
        {
            Metadata = new() { Name = name },
            Spec = Spec($$"""{"containers":[{"name":"a","resources":{"requests":{"{{resource}}":"{{amount}}"} } }] }"""),
        };

        PodScheduler
            .Unschedulable(pod, Options, null, 0)
            .Should()
            .Be(
                $"0/1 nodes are available: 1 {reason}. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
            );
    }

    [Test]
    public void A_pod_for_other_nodes_is_unschedulable()
    {
        var pod = new Pod { Spec = Spec("""{"nodeSelector":{"disk":"ssd"},"containers":[{"name":"a"}]}""") };

        PodScheduler
            .Unschedulable(pod, Options, null, 0)
            .Should()
            .StartWith("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.");
        PodScheduler
            .Unschedulable(
                new Pod { Spec = Spec("""{"nodeSelector":{"kubernetes.io/os":"linux"},"containers":[{"name":"a"}]}""") },
                Options,
                null,
                0
            )
            .Should()
            .BeNull();
    }

    [TestCase("""{"unschedulable":true}""", "", "1 node(s) were unschedulable")]
    [TestCase("""{"unschedulable":true}""", """{"key":"node.kubernetes.io/unschedulable","operator":"Exists"}""", null)]
    [TestCase("""{"taints":[{"key":"gpu","value":"yes","effect":"NoSchedule"}]}""", "", "1 node(s) had untolerated taint {gpu: yes}")]
    [TestCase(
        """{"taints":[{"key":"gpu","value":"yes","effect":"NoSchedule"}]}""",
        """{"key":"gpu","value":"no","effect":"NoSchedule"}""",
        "1 node(s) had untolerated taint {gpu: yes}"
    )]
    [TestCase("""{"taints":[{"key":"gpu","value":"yes","effect":"NoSchedule"}]}""", """{"key":"gpu","value":"yes"}""", null)]
    [TestCase("""{"taints":[{"key":"gpu","effect":"PreferNoSchedule"}]}""", "", null)]
    public void A_node_that_is_cordoned_or_tainted_takes_only_pods_that_tolerate_it(string node, string toleration, string? reason)
    {
        var known = JsonSerializer.Deserialize(
            $$"""{"metadata":{"name":"local"},"spec":{{node}} }""",
            ApiJson.Default.Of<Serving.Api.Core.Node>()
        )!;
        var pod = new Pod { Spec = Spec($$"""{"tolerations":[{{toleration}}],"containers":[{"name":"a"}]}""") };

        PodScheduler
            .Unschedulable(pod, Options, known, 0)
            .Should()
            .Be(
                reason is null
                    ? null
                    : $"0/1 nodes are available: {reason}. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
            );
    }

    [Test]
    public void Waits_between_restarts_double_up_to_five_minutes_and_start_anew_after_a_long_run()
    {
        var backOff = new RestartBackOff();

        var waits = Enumerable.Range(0, 8).Select(_ => backOff.After(TimeSpan.FromSeconds(1)).TotalSeconds);

        waits.Should().Equal(0, 10, 20, 40, 80, 160, 300, 300);
        backOff.After(TimeSpan.FromMinutes(11)).Should().Be(TimeSpan.Zero);
    }

    private static LocalNodeOptions Options { get; } = new("/", new ImageMap(), null!, new Uri("https://127.0.0.1"));

    private static PodStatus Make(string policy, ContainerStatus status, bool terminating = false) =>
        PodStatusMaker.Make(Pod(policy), Seen(status, terminating), [], Now);

    private static PodObservation Seen(ContainerStatus status, bool terminating = false) =>
        new([], [status], "127.77.0.10", Now, terminating, null);

    private static Pod Pod(string policy) => new() { Spec = Spec($$"""{"restartPolicy":"{{policy}}","containers":[{"name":"a"}]}""") };

    private static PodSpec Spec(string json) => JsonSerializer.Deserialize($$"""{"spec":{{json}} }""", ApiJson.Default.Pod)!.Spec!;

    private static ContainerStatus Ended(int code) =>
        new()
        {
            Name = "a",
            State = new() { Terminated = new() { ExitCode = code } },
        };

    private static Condition Condition(PodStatus status, string type) => status.Conditions.Single(c => c.Type == type);
}
