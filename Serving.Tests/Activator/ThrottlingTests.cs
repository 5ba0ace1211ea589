using FluentAssertions;
using NUnit.Framework;
using Serving.Activator.Throttling;

namespace Serving.Tests.Activator;

[TestFixture]
public sealed class ThrottlingTests
{
    [TestCase(5, 0, 1, "0 1 2 3 4")]
    [TestCase(5, 0, 2, "0 1 4")]
    [TestCase(5, 1, 2, "2 3")]
    [TestCase(2, 2, 3, "0")]
    [TestCase(6, 2, 3, "4 5")]
    [TestCase(5, -1, 3, "0 1 2 3 4")]
    public void Activators_share_the_pods_out(int pods, int index, int count, string expected)
    {
        var all = Enumerable
            .Range(0, pods)
            .Select(i => new PodTracker(i.ToString(System.Globalization.CultureInfo.InvariantCulture), 1))
            .ToArray();
        string.Join(' ', new ActivatorShare(index, count).Of(all).Select(pod => pod.Address)).Should().Be(expected);
    }

    [Test]
    public void Capacity_is_what_our_pods_take_together()
    {
        var throttler = new RevisionThrottler(containerConcurrency: 10, queueDepth: 1);
        throttler.Capacity.Should().Be(0);
        throttler.SetPods(["a", "b", "c", "d"]);
        throttler.Capacity.Should().Be(40);
        throttler.SetShare(new ActivatorShare(1, 2));
        throttler.Capacity.Should().Be(20);
        throttler.SetPods([]);
        throttler.Capacity.Should().Be(0);
    }

    [TestCase(10, 3, 1, 30)]
    [TestCase(10, 3, 4, 7)]
    [TestCase(1, 1, 3, 1)]
    [TestCase(10, 0, 1, 0)]
    [TestCase(0, 0, 1, 0)]
    [TestCase(0, 1, 3, Serving.Dataplane.Throttling.Breaker.Unlimited)]
    public void Capacity_through_the_Service_is_our_part_of_what_its_ready_pods_take(
        int concurrency,
        int ready,
        int activators,
        int expected
    )
    {
        var throttler = new RevisionThrottler(concurrency, queueDepth: 1);
        throttler.SetPods(["a"]);
        throttler.SetShare(new ActivatorShare(0, activators));
        throttler.SetService(new Destination("ns", "10.0.0.1", 80), ready);
        throttler.Capacity.Should().Be(expected);
        Enumerable
            .Range(0, 3)
            .Select(_ => throttler.Reserve()!.Address)
            .Should()
            .AllBe("10.0.0.1:80", "the Service chooses, so it is never full by itself");
        throttler.SetPods(["a"]);
        throttler.Reserve()!.Address.Should().Be("a");
    }

    [Test]
    public void A_low_concurrency_fills_the_first_pod_first()
    {
        var throttler = new RevisionThrottler(containerConcurrency: 2, queueDepth: 1);
        throttler.SetPods(["b", "a"]);
        Enumerable.Range(0, 5).Select(_ => throttler.Reserve()?.Address).Should().Equal("a", "a", "b", "b", null);
    }

    [Test]
    public void A_higher_concurrency_takes_pods_in_turn()
    {
        var throttler = new RevisionThrottler(containerConcurrency: 10, queueDepth: 1);
        throttler.SetPods(["a", "b", "c"]);
        Enumerable.Range(0, 4).Select(_ => throttler.Reserve()!.Address).Should().Equal("a", "b", "c", "a");
    }

    [Test]
    public void Without_a_bound_the_less_busy_of_two_is_taken()
    {
        var throttler = new RevisionThrottler(containerConcurrency: 0, queueDepth: 1);
        throttler.SetPods(["a", "b"]);
        var first = throttler.Reserve()!;
        throttler.Reserve()!.Address.Should().NotBe(first.Address);
    }

    [Test]
    public void A_pod_that_stays_keeps_its_count()
    {
        var throttler = new RevisionThrottler(containerConcurrency: 1, queueDepth: 1);
        throttler.SetPods(["a"]);
        throttler.Reserve().Should().NotBeNull();
        throttler.SetPods(["a", "b"]);
        throttler.Reserve()!.Address.Should().Be("b");
    }
}
