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

    [Test]
    public void Ephemeral_pods_lose_capacity_with_every_request()
    {
        var throttler = new RevisionThrottler(containerConcurrency: 1, queueDepth: 1, mostRequests: 2);
        throttler.SetPods(["a"]);
        for (var request = 1; request <= 2; request++)
        {
            throttler.Capacity.Should().Be(1);
            var pod = throttler.Reserve()!;
            throttler.Reserve().Should().BeNull();
            throttler.Release(pod).Should().Be(request == 2);
        }

        throttler.Capacity.Should().Be(0);
        throttler.Reserve().Should().BeNull();
        throttler.SetPods([]);
        throttler.SetPods(["a"]);
        throttler.Capacity.Should().Be(1, "the pod responded that it takes more, or another has its address");
    }

    [Test]
    public void Requests_of_ephemeral_pods_that_are_gone_take_no_capacity_of_others()
    {
        var throttler = new RevisionThrottler(containerConcurrency: 2, queueDepth: 1, mostRequests: 2);
        throttler.SetPods(["a"]);
        var (one, other) = (Enter(throttler), Enter(throttler));
        throttler.SetPods([]);
        throttler.SetPods(["b"]);
        var third = Enter(throttler);
        third.Address.Should().Be("b");
        Leave(throttler, one);
        Leave(throttler, other);
        throttler.Capacity.Should().Be(2);
        Enter(throttler).Address.Should().Be("b");
        throttler.EnterAsync(default).AsTask().IsCompleted.Should().BeFalse();
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(4)]
    public async Task Every_request_that_is_admitted_finds_an_ephemeral_pod_and_none_waits_while_one_has_room(int concurrency)
    {
        const int most = 3;
        var random = new Random(concurrency);
        var throttler = new RevisionThrottler(concurrency, queueDepth: 100_000, mostRequests: most);
        var (pods, made) = (new List<string>(), 0);
        var (running, waiting) = (new List<PodTracker>(), new Queue<Task<bool>>());
        var sent = new Dictionary<PodTracker, int>();
        for (var step = 0; step < 5000; step++)
        {
            switch (random.Next(5))
            {
                case 0 when pods.Count < 8:
                    pods.Add($"pod-{++made}");
                    throttler.SetPods(pods);
                    break;
                case 1 when pods.Count > 0 && random.Next(4) == 0:
                    pods.RemoveAt(random.Next(pods.Count));
                    throttler.SetPods(pods);
                    break;
                case 2 when running.Count > 0:
                    var pod = running[random.Next(running.Count)];
                    running.Remove(pod);
                    if (throttler.Release(pod) && pods.Remove(pod.Address))
                        throttler.SetPods(pods);
                    throttler.Exit();
                    break;
                default:
                    waiting.Enqueue(throttler.EnterAsync(default).AsTask());
                    break;
            }

            // Waiters continue on other threads, in order; those that were admitted have their slot.
            while (waiting.TryPeek(out var next) && (next.IsCompleted || throttler.Waiting < waiting.Count))
            {
                (await waiting.Dequeue()).Should().BeTrue();
                var reserved = throttler.Reserve();
                reserved.Should().NotBeNull();
                running.Add(reserved!);
                sent[reserved!] = sent.GetValueOrDefault(reserved!) + 1;
            }

            if (waiting.Count > 0)
                throttler.Reserve().Should().BeNull("a request waits");
        }

        sent.Values.Max().Should().Be(most);
        sent.Count.Should().BeGreaterThan(100);
    }

    private static PodTracker Enter(RevisionThrottler throttler)
    {
        throttler.EnterAsync(default).AsTask().Result.Should().BeTrue();
        return throttler.Reserve()!;
    }

    private static void Leave(RevisionThrottler throttler, PodTracker pod)
    {
        throttler.Release(pod);
        throttler.Exit();
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
