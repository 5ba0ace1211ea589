using FluentAssertions;
using NUnit.Framework;
using static Serving.Tests.LocalCluster.Node.Resizing.ResizingCluster;

namespace Serving.Tests.LocalCluster.Node.Resizing;

/// <summary>What the node does with a resize: over the real API, with real processes.</summary>
[Parallelizable]
public sealed class PodResizingTests
{
    private const string Pending = "PodResizePending";
    private const string InProgress = "PodResizeInProgress";

    private ResizingCluster _cluster = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _cluster = await ResizingCluster.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _cluster.DisposeAsync();

    [Test]
    public async Task A_resize_is_applied_without_a_restart()
    {
        const string resources = """{"limits":{"cpu":"500m","memory":"256Mi"},"requests":{"cpu":"10m","memory":"32Mi"}}""";
        await _cluster.RunAsync("inplace", resources);
        await _cluster.HoldsAsync(
            "inplace",
            pod =>
            {
                ContainerOf(pod)!["resources"]!.ToJsonString().Should().Be(resources);
                ContainerOf(pod)!["allocatedResources"]!.ToJsonString().Should().Be("""{"cpu":"10m","memory":"32Mi"}""");
                pod["status"]!["observedGeneration"]!.GetValue<int>().Should().Be(1);
                Condition(pod, "Ready").Should().Be("True   1");
            }
        );
        var id = ContainerOf((await _cluster.Server.GetAsync($"{Pods}/inplace")).Body)!["containerID"]!.ToString();

        await _cluster.ResizeAsync("inplace", """{"limits":{"cpu":"50m","memory":"128Mi"},"requests":{"cpu":"5m"}}""");

        await _cluster.HoldsAsync(
            "inplace",
            pod =>
            {
                ContainerOf(pod)!["resources"]!
                    .ToJsonString()
                    .Should()
                    .Be("""{"limits":{"cpu":"50m","memory":"128Mi"},"requests":{"cpu":"5m","memory":"32Mi"}}""");
                ContainerOf(pod)!["allocatedResources"]!.ToJsonString().Should().Be("""{"cpu":"5m","memory":"32Mi"}""");
                ContainerOf(pod)!["containerID"]!.ToString().Should().Be(id);
                ContainerOf(pod)!["restartCount"]!.GetValue<int>().Should().Be(0);
                pod["status"]!["observedGeneration"]!.GetValue<int>().Should().Be(2);
                Condition(pod, Pending).Should().BeNull();
                Condition(pod, InProgress).Should().BeNull();
            }
        );
        const string summary =
            """{"containers":[{"name":"main","resources":{"limits":{"cpu":"50m","memory":"128Mi"},"requests":{"cpu":"5m","memory":"32Mi"}}}],"generation":2}""";
        await _cluster.HappenedAsync(
            "inplace",
            $"Normal ResizeStarted Pod resize started: {summary}",
            $"Normal ResizeCompleted Pod resize completed: {summary}"
        );
    }

    [Test]
    public async Task More_than_the_node_has_is_infeasible_until_it_is_taken_back()
    {
        await _cluster.RunAsync("huge", """{"requests":{"cpu":"10m"}}""");

        await _cluster.ResizeAsync("huge", """{"requests":{"cpu":"2001m"}}""");

        const string message = "Node didn't have enough capacity: cpu, requested: 2001, capacity: 2000";
        await _cluster.HoldsAsync(
            "huge",
            pod =>
            {
                Condition(pod, Pending).Should().Be($"True Infeasible {message} 2");
                ContainerOf(pod)!["resources"]!.ToJsonString().Should().Be("""{"requests":{"cpu":"10m"}}""");
                pod["status"]!["observedGeneration"]!.GetValue<int>().Should().Be(2);
            }
        );
        await _cluster.HappenedAsync(
            "huge",
            $$$$"""Warning ResizeInfeasible Pod resize Infeasible: {"containers":[{"name":"main","resources":{"requests":{"cpu":"2001m"}}}],"generation":2,"error":"{{{{message}}}}"}"""
        );

        await _cluster.ResizeAsync("huge", """{"requests":{"cpu":"10m"}}""");
        await _cluster.HoldsAsync("huge", pod => Condition(pod, Pending).Should().BeNull());
    }

    [Test]
    public async Task What_does_not_fit_beside_other_pods_waits_until_one_ends_or_shrinks()
    {
        await _cluster.RunAsync("ends", """{"requests":{"memory":"400Mi"}}""");
        await _cluster.RunAsync("shrinks", """{"requests":{"memory":"400Mi"}}""");
        await _cluster.RunAsync("waits", """{"requests":{"memory":"1Mi"}}""");

        await _cluster.ResizeAsync("waits", """{"requests":{"memory":"500Mi"}}""");
        await _cluster.HoldsAsync(
            "waits",
            pod =>
                Condition(pod, Pending)
                    .Should()
                    .StartWith("True Deferred Node didn't have enough resource: memory, requested: 524288000, used: ")
                    .And.EndWith(", capacity: 1073741824 2")
        );
        await _cluster.Server.SendAsync(HttpMethod.Delete, $"{Pods}/ends");
        await _cluster.HoldsAsync(
            "waits",
            pod => ContainerOf(pod)!["allocatedResources"]!.ToJsonString().Should().Be("""{"memory":"500Mi"}""")
        );

        await _cluster.ResizeAsync("waits", """{"requests":{"memory":"700Mi"}}""");
        await _cluster.HoldsAsync("waits", pod => Condition(pod, Pending).Should().StartWith("True Deferred"));
        await _cluster.ResizeAsync("shrinks", """{"requests":{"memory":"100Mi"}}""");
        await _cluster.HoldsAsync(
            "waits",
            pod =>
            {
                ContainerOf(pod)!["resources"]!.ToJsonString().Should().Be("""{"requests":{"memory":"700Mi"}}""");
                Condition(pod, Pending).Should().BeNull();
                Condition(pod, InProgress).Should().BeNull();
            }
        );
        foreach (var name in (string[])["shrinks", "waits"])
            await _cluster.Server.SendAsync(HttpMethod.Delete, $"{Pods}/{name}");
    }

    [Test]
    public async Task A_memory_limit_below_what_is_in_use_is_not_applied_until_less_is()
    {
        const string ready = """
            "readinessProbe":{"exec":{"command":["test","-f","ready"]}},
            """;
        await _cluster.RunAsync(
            "big",
            """{"limits":{"memory":"64Mi"},"requests":{"memory":"1Mi"}}""",
            ready,
            script: "x=`yes | head -c 4000000`; touch ready; sleep 1000; echo $x"
        );

        await _cluster.ResizeAsync("big", """{"limits":{"memory":"2Mi"}}""");

        await _cluster.HoldsAsync(
            "big",
            pod =>
            {
                Condition(pod, InProgress)
                    .Should()
                    .MatchRegex(
                        "^True Error cannot decrease memory limits: \\[attempting to set pod memory limit \\(2097152\\) below current usage "
                            + "\\(\\d+\\), attempting to set container \"main\" memory limit \\(2097152\\) below current usage \\(\\d+\\)\\] 2$"
                    );
                ContainerOf(pod)!["resources"]!["limits"]!.ToJsonString().Should().Be("""{"memory":"64Mi"}""");
            }
        );

        await _cluster.ResizeAsync("big", """{"limits":{"memory":"32Mi"}}""");
        await _cluster.HoldsAsync(
            "big",
            pod =>
            {
                Condition(pod, InProgress).Should().BeNull();
                ContainerOf(pod)!["resources"]!["limits"]!.ToJsonString().Should().Be("""{"memory":"32Mi"}""");
                ContainerOf(pod)!["restartCount"]!.GetValue<int>().Should().Be(0);
            }
        );
    }

    [Test]
    public async Task A_container_whose_policy_says_so_is_restarted_with_its_new_limits()
    {
        const string policy = """
            "resizePolicy":[{"resourceName":"memory","restartPolicy":"RestartContainer"},{"resourceName":"cpu","restartPolicy":"NotRequired"}],
            "env":[{"name":"MEMORY","valueFrom":{"resourceFieldRef":{"resource":"limits.memory"}}}],
            """;
        const string resources = """{"limits":{"memory":"64Mi","cpu":"1"},"requests":{"memory":"32Mi","cpu":"10m"}}""";
        await _cluster.RunAsync("restarts", resources, policy, script: "echo $MEMORY; exec sleep 1000");

        await _cluster.ResizeAsync("restarts", """{"limits":{"cpu":"900m"}}""");
        await _cluster.HoldsAsync("restarts", pod => ContainerOf(pod)!["resources"]!["limits"]!["cpu"]!.ToString().Should().Be("900m"));
        await _cluster.ResizeAsync("restarts", """{"limits":{"memory":"48Mi"}}""");

        await _cluster.HoldsAsync(
            "restarts",
            pod =>
            {
                ContainerOf(pod)!["restartCount"]!.GetValue<int>().Should().Be(1);
                ContainerOf(pod)!["ready"]!.GetValue<bool>().Should().BeTrue();
                ContainerOf(pod)!["lastState"]!["terminated"].Should().NotBeNull();
                ContainerOf(pod)!["resources"]!["limits"]!["memory"]!.ToString().Should().Be("48Mi");
                Condition(pod, InProgress).Should().BeNull();
            }
        );
        await _cluster.HappenedAsync("restarts", "Normal Killing Container main resize requires restart");
        var log = await _cluster.Server.Client.GetStringAsync($"{Pods}/restarts/log");
        log.Trim().Should().Be($"{48 << 20}");
    }

    [Test]
    public async Task A_program_that_exceeds_its_memory_limit_is_reported_as_such()
    {
        const string ready = """
            "readinessProbe":{"exec":{"command":["test","-f","ready"]}},
            """;
        await _cluster.RunAsync(
            "exceeds",
            """{"limits":{"memory":"16Mi"}}""",
            ready,
            "\"restartPolicy\":\"Never\",",
            "touch ready; while [ -f ready ]; do sleep 0.02; done; x=`yes | head -c 100000000`; echo $x"
        );
        var (_, node) = await _cluster.Server.GetAsync("/api/v1/nodes/local");
        if (!node.ToJsonString().Contains("CPU and memory limits by cgroups", StringComparison.Ordinal))
            Assert.Ignore("memory is not limited on this machine");

        File.Delete(
            Directory
                .EnumerateFiles(Path.Combine(_cluster.Server.Directory, "pods"), "ready", SearchOption.AllDirectories)
                .Single(f => f.Contains("_exceeds_", StringComparison.Ordinal))
        );

        await _cluster.HoldsAsync(
            "exceeds",
            pod =>
            {
                ContainerOf(pod)!["state"]!["terminated"]!["reason"]!.ToString().Should().Be("OOMKilled");
                ContainerOf(pod)!["state"]!["terminated"]!["exitCode"]!.GetValue<int>().Should().Be(137);
            }
        );
    }

    [Test]
    public async Task A_sidecar_is_resized_like_a_container()
    {
        const string sidecar = """
            "initContainers":[{"name":"side","image":"sh","restartPolicy":"Always","args":["-c","sleep 1000"],"resources":{"requests":{"cpu":"10m"}}}],
            """;
        await _cluster.RunAsync("sidecar", """{"requests":{"cpu":"10m"}}""", spec: sidecar);

        await _cluster.ResizeAsync("sidecar", """{"requests":{"cpu":"20m"}}""", "initContainers", "side");

        await _cluster.HoldsAsync(
            "sidecar",
            pod =>
            {
                var status = pod["status"]!["initContainerStatuses"]![0]!;
                status["resources"]!.ToJsonString().Should().Be("""{"requests":{"cpu":"20m"}}""");
                status["restartCount"]!.GetValue<int>().Should().Be(0);
            }
        );
    }

    [Test]
    public async Task The_node_shows_what_it_has_and_how_limits_are_enforced()
    {
        await _cluster.RunAsync("any", "{}");

        var (_, node) = await _cluster.Server.GetAsync("/api/v1/nodes/local");

        node["status"]!["allocatable"]!["cpu"]!.ToString().Should().Be("2");
        node["status"]!["allocatable"]!["memory"]!.ToString().Should().Be("1048576Ki");
        node["status"]!["conditions"]!.AsArray().Single(c => c!["type"]!.ToString() == "Ready")!["message"]!
            .ToString()
            .Should()
            .Contain("runs pods as processes; ")
            .And.Contain("limits");
        await _cluster.HoldsAsync("any", pod => ContainerOf(pod)!["resources"]!.ToJsonString().Should().Be("{}"));
    }
}
