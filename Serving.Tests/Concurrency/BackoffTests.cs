using FluentAssertions;
using NUnit.Framework;
using Serving.Concurrency;

namespace Serving.Tests.Concurrency;

public sealed class BackoffTests
{
    private static readonly Backoff Delays = new(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(5));

    [TestCase(1, 100)]
    [TestCase(2, 200)]
    [TestCase(6, 3200)]
    [TestCase(7, 5000)]
    [TestCase(int.MaxValue, 5000)]
    public void Doubles_with_each_failure_up_to_its_bound(int failures, int milliseconds) =>
        Delays.After(failures).Should().Be(TimeSpan.FromMilliseconds(milliseconds));

    [Test]
    public void Never_exceeds_the_bound_with_a_longer_first_delay() =>
        new Backoff(TimeSpan.FromDays(1), TimeSpan.FromHours(1)).After(1000).Should().Be(TimeSpan.FromHours(1));

    [Test]
    public void Shortens_a_delay_at_random_by_up_to_a_half()
    {
        var delays = Enumerable.Range(0, 1000).Select(static _ => Delays.JitteredAfter(2).TotalMilliseconds).ToList();

        delays.Should().OnlyContain(static delay => delay >= 100 && delay <= 200);
        (delays.Max() - delays.Min()).Should().BeGreaterThan(50);
    }

    [Test]
    public void Has_no_delay_without_a_failure() =>
        FluentActions.Invoking(static () => Delays.After(0)).Should().Throw<ArgumentOutOfRangeException>();
}
