using System.Text.Json;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.LocalCluster.Node.Resizing;

namespace Serving.Tests.LocalCluster.Node.Resizing;

public sealed class NodeAllocationsTests
{
    private const long Gi = 1L << 30;

    [TestCase(2000, 4, null, null)]
    [TestCase(4000, 1, "Deferred", "Node didn't have enough resource: cpu, requested: 4000, used: 1000, capacity: 4000")]
    [TestCase(
        1000,
        8,
        "Deferred",
        "Node didn't have enough resource: memory, requested: 8589934592, used: 1073741824, capacity: 8589934592"
    )]
    [TestCase(4001, 1, "Infeasible", "Node didn't have enough capacity: cpu, requested: 4001, capacity: 4000")]
    [TestCase(5000, 9, "Infeasible", "Node didn't have enough capacity: memory, requested: 9663676416, capacity: 8589934592")]
    public void A_resize_fits_or_says_why_not(long cpu, long memory, string? reason, string? message)
    {
        var node = new NodeAllocations(4000, 8 * Gi);
        node.Start("other", new PodRequests(1000, Gi));
        node.Start("p", new PodRequests(500, Gi));

        var refusal = node.Resize("p", new PodRequests(cpu, memory * Gi), out _);

        (refusal?.Reason, refusal?.Message).Should().Be((reason, message));
    }

    [Test]
    public void Less_always_fits_even_where_more_is_allocated_than_there_is()
    {
        var node = new NodeAllocations(1000, Gi);
        node.Start("other", new PodRequests(1000, Gi));
        node.Start("p", new PodRequests(1000, Gi));

        node.Resize("p", new PodRequests(500, Gi), out var frees).Should().BeNull();

        frees.Should().BeTrue();
        node.Resize("p", new PodRequests(501, Gi), out _)!.Reason.Should().Be("Deferred");
    }

    [Test]
    public void What_is_refused_stays_as_it_was()
    {
        var node = new NodeAllocations(1000, Gi);
        node.Start("p", new PodRequests(100, 0));
        node.Start("q", new PodRequests(100, 0));

        node.Resize("p", new PodRequests(2000, 0), out _).Should().NotBeNull();

        node.Resize("q", new PodRequests(900, 0), out _).Should().BeNull();
    }

    [Test]
    public void The_end_of_a_pod_makes_room_once()
    {
        var calls = 0;
        var node = new NodeAllocations(1000, Gi) { RoomAppeared = () => calls++ };
        node.Start("p", new PodRequests(100, 0));

        node.End("p");
        node.End("p");

        calls.Should().Be(1);
    }

    [TestCase("""{"containers":[{"name":"a","resources":{"requests":{"cpu":"100m","memory":"1Ki"}}},{"name":"b"}]}""", 100, 1024)]
    [TestCase("""{"containers":[{"name":"a","resources":{"limits":{"cpu":"1.5"}}}]}""", 1500, 0)]
    [TestCase("""{"containers":[{"name":"a","resources":{"requests":{"cpu":"0.1m"}}}]}""", 1, 0)]
    [TestCase(
        """
            {"initContainers":[{"name":"i","resources":{"requests":{"cpu":"300m"}}},
              {"name":"s","restartPolicy":"Always","resources":{"requests":{"cpu":"100m"}}},{"name":"j","resources":{"requests":{"cpu":"250m"}}}],
             "containers":[{"name":"a","resources":{"requests":{"cpu":"200m"}}}]}
            """,
        350,
        0
    )]
    public void A_pod_requests_what_its_containers_need_at_the_same_time(string spec, long cpu, long memory) =>
        PodRequests.Of(JsonSerializer.Deserialize(spec, ApiJson.Default.Of<PodSpec>())!).Should().Be(new PodRequests(cpu, memory));

    [Test]
    public void An_event_names_the_resources_as_a_kubelet_does()
    {
        const string spec = """
            {"initContainers":[{"name":"i"}],
             "containers":[{"name":"c1","resources":{"requests":{"memory":"1Gi","cpu":"1"},"limits":{"cpu":"2"}}}]}
            """;

        ResizeMessages
            .Of("Pod resize error", JsonSerializer.Deserialize(spec, ApiJson.Default.Of<PodSpec>())!, 3, "no")
            .Should()
            .Be(
                """Pod resize error: {"initContainers":[{"name":"i","resources":{}}],"containers":[{"name":"c1","resources":{"limits":{"cpu":"2"},"requests":{"cpu":"1","memory":"1Gi"}}}],"generation":3,"error":"no"}"""
            );
    }
}
