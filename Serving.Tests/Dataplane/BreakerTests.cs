using FluentAssertions;
using NUnit.Framework;
using Serving.Dataplane.Throttling;

namespace Serving.Tests.Dataplane;

[TestFixture]
public sealed class BreakerTests
{
    [Test]
    public async Task Lets_through_up_to_its_capacity_and_holds_the_rest_back()
    {
        var breaker = new Breaker(queueDepth: 10, capacity: 2);
        (await breaker.EnterAsync(default)).Should().BeTrue();
        (await breaker.EnterAsync(default)).Should().BeTrue();

        var third = breaker.EnterAsync(default).AsTask();
        third.IsCompleted.Should().BeFalse();
        breaker.InFlight.Should().Be(3);

        breaker.Exit();
        (await third).Should().BeTrue();
    }

    [Test]
    public async Task Refuses_when_the_queue_is_full()
    {
        var breaker = new Breaker(queueDepth: 1, capacity: 1);
        await breaker.EnterAsync(default);
        _ = breaker.EnterAsync(default).AsTask();

        (await breaker.EnterAsync(default)).Should().BeFalse();
    }

    [Test]
    public async Task Serves_those_who_wait_in_order()
    {
        var breaker = new Breaker(queueDepth: 10, capacity: 0);
        var waiting = Enumerable.Range(0, 5).Select(_ => breaker.EnterAsync(default).AsTask()).ToArray();

        breaker.Capacity = 1;
        foreach (var next in waiting)
        {
            (await next).Should().BeTrue();
            breaker.Exit();
        }
    }

    [Test]
    public async Task Raising_the_capacity_wakes_as_many_as_it_adds()
    {
        var breaker = new Breaker(queueDepth: 10, capacity: 0);
        var waiting = Enumerable.Range(0, 5).Select(_ => breaker.EnterAsync(default).AsTask()).ToArray();

        breaker.Capacity = 3;

        await Task.WhenAll(waiting[..3]);
        waiting[3..].Should().OnlyContain(task => !task.IsCompleted);
        breaker.Active.Should().Be(3);
    }

    [Test]
    public async Task Lowering_the_capacity_ends_nobodys_turn_but_gives_none_out_until_there_is_room()
    {
        var breaker = new Breaker(queueDepth: 10, capacity: 3);
        for (var i = 0; i < 3; i++)
            await breaker.EnterAsync(default);
        breaker.Capacity = 1;
        var waiting = breaker.EnterAsync(default).AsTask();

        breaker.Exit();
        breaker.Exit();
        waiting.IsCompleted.Should().BeFalse();
        breaker.Exit();
        (await waiting).Should().BeTrue();
    }

    [Test]
    public async Task A_cancelled_wait_leaves_the_queue_and_takes_no_turn()
    {
        var breaker = new Breaker(queueDepth: 1, capacity: 1);
        await breaker.EnterAsync(default);
        using var cancel = new CancellationTokenSource();
        var waiting = breaker.EnterAsync(cancel.Token).AsTask();

        await cancel.CancelAsync();

        (await waiting).Should().BeFalse();
        (await breaker.EnterAsync(cancel.Token)).Should().BeFalse();
        breaker.InFlight.Should().Be(1);
        breaker.Exit();
        breaker.TryEnter().Should().BeTrue();
    }

    [Test]
    public void A_turn_cannot_be_given_back_twice()
    {
        var breaker = new Breaker(queueDepth: 1, capacity: 1);
        breaker.TryEnter();
        breaker.Exit();
        breaker.Invoking(b => b.Exit()).Should().Throw<InvalidOperationException>();
    }

    [Test]
    public async Task Never_lets_more_through_than_its_capacity_however_many_come_and_go()
    {
        var breaker = new Breaker(queueDepth: 10_000, capacity: 4);
        var (running, most) = (0, 0);
        var changing = Task.Run(() =>
        {
            for (var i = 0; i < 1000; i++)
                breaker.Capacity = 1 + (i % 4);
        });

        await Parallel.ForEachAsync(
            Enumerable.Range(0, 5000),
            new ParallelOptions { MaxDegreeOfParallelism = 64 },
            async (i, _) =>
            {
                using var cancel = new CancellationTokenSource();
                if (i % 7 == 0)
                    cancel.CancelAfter(1);
                if (!await breaker.EnterAsync(cancel.Token))
                    return;

                var now = Interlocked.Increment(ref running);
                InterlockedMax(ref most, now);
                await Task.Yield();
                Interlocked.Decrement(ref running);
                breaker.Exit();
            }
        );

        await changing;
        most.Should().BeInRange(1, 4);
        breaker.InFlight.Should().Be(0);
    }

    private static void InterlockedMax(ref int target, int value)
    {
        int seen;
        while ((seen = Volatile.Read(ref target)) < value && Interlocked.CompareExchange(ref target, value, seen) != seen) { }
    }
}
