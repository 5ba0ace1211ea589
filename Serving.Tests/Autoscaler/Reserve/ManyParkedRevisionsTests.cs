using FluentAssertions;
using NUnit.Framework;

namespace Serving.Tests.Autoscaler.Reserve;

/// <summary>Parked revisions are written when they are parked and when they wake, and never in between.</summary>
[Category("Slow"), Parallelizable]
public sealed class ManyParkedRevisionsTests
{
    private const int Revisions = 1000;

    [Test]
    public async Task A_thousand_parked_revisions_are_written_only_when_something_happens()
    {
        var first = new ReserveWorld();
        await first.BecomeIdleAsync();
        first.Condition("Parked").Status.Should().Be("True");
        var worlds = Enumerable.Range(0, Revisions).Select(i => first.Copy($"many-{i:0000}")).ToList();

        first.Cluster.ForgetWrites();
        for (var pass = 0; pass < 2; pass++)
        {
            first.Time.Advance(TimeSpan.FromMinutes(10));
            foreach (var world in worlds)
                (await world.PassAsync()).Requeue.Should().BeNull();
        }

        first.Cluster.Writes.Should().BeEmpty();
        worlds.Should().OnlyContain(world => world.IsPaused == true);

        await worlds[7].RequestAsync();
        first
            .Cluster.Writes.Select(write => (write.Verb, write.Plural))
            .Should()
            .Equal(("resize", "pods"), ("update-status", "podautoscalers"));
    }
}
