using FluentAssertions;
using NUnit.Framework;
using Serving.Autoscaler.Aggregation;

namespace Serving.Tests.Autoscaler;

public sealed class BucketsTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Test]
    public void Averages_over_the_time_since_the_first_value()
    {
        var buckets = new TimedBuckets(TimeSpan.FromSeconds(60));
        for (var second = 0; second < 6; second++)
            buckets.Record(At(second), 10);
        buckets.Average(At(5)).Should().Be(10);
    }

    [Test]
    public void Counts_gaps_as_zero()
    {
        var buckets = new TimedBuckets(TimeSpan.FromSeconds(10));
        buckets.Record(At(0), 10);
        buckets.Record(At(3), 10);
        buckets.Average(At(3)).Should().Be(5);
    }

    [Test]
    public void Averages_over_what_is_left_of_the_window_when_values_stop_coming()
    {
        var buckets = new TimedBuckets(TimeSpan.FromSeconds(10));
        for (var second = 0; second < 10; second++)
            buckets.Record(At(second), second < 4 ? 100 : 2);
        buckets.Average(At(13)).Should().Be(2);
        buckets.IsEmpty(At(19)).Should().BeFalse();
        buckets.IsEmpty(At(20)).Should().BeTrue();
        buckets.Average(At(19)).Should().Be(0);
    }

    [Test]
    public void Starts_afresh_after_a_silent_window()
    {
        var buckets = new TimedBuckets(TimeSpan.FromSeconds(5));
        buckets.Record(At(0), 100);
        buckets.Record(At(5), 1);
        buckets.Average(At(5)).Should().Be(1);
    }

    [Test]
    public void Takes_late_values_within_the_window_only()
    {
        var buckets = new TimedBuckets(TimeSpan.FromSeconds(5));
        buckets.Record(At(10), 1);
        buckets.Record(At(8), 5);
        buckets.Record(At(5), 1000);
        buckets.Average(At(10)).Should().Be(2);
    }

    [Test]
    public void Sums_values_of_one_second()
    {
        var buckets = new TimedBuckets(TimeSpan.FromSeconds(5));
        buckets.Record(At(0), 1);
        buckets.Record(At(0.9), 2);
        buckets.Average(At(0)).Should().Be(3);
    }

    [Test]
    public void Keeps_the_newest_values_when_the_window_shrinks()
    {
        var buckets = new TimedBuckets(TimeSpan.FromSeconds(5));
        for (var second = 0; second < 5; second++)
            buckets.Record(At(second), second + 1);
        buckets.Resize(TimeSpan.FromSeconds(3), At(4));
        buckets.Average(At(4)).Should().Be(4);
    }

    [Test]
    public void Weighs_newer_seconds_more()
    {
        // Ten buckets: decay 1 - 0.0001^(1/10) = 0.6019.
        var buckets = new WeightedBuckets(TimeSpan.FromSeconds(10));
        buckets.Record(At(0), 10);
        buckets.Record(At(1), 2);
        const double decay = 0.60189;
        buckets.Average(At(1)).Should().BeApproximately((2 * decay) + (10 * decay * (1 - decay)), 0.001);
        buckets.Average(At(3)).Should().BeApproximately(((2 * decay) + (10 * decay * (1 - decay))) * (1 - decay), 0.001);
    }

    [TestCase(6, 0.2)]
    [TestCase(6, 1.2)]
    [TestCase(1, 1.2)]
    public void Sees_a_steady_load_wherever_in_the_second_it_is_asked(int window, double delay)
    {
        var buckets = new WeightedBuckets(TimeSpan.FromSeconds(window));
        for (var second = 0; second < 10; second++)
            buckets.Record(At(second), 7);

        buckets.Average(At(9 + delay)).Should().BeApproximately(7, 0.01);
    }

    [Test]
    public void Delays_to_the_largest_of_the_window()
    {
        var window = new DelayWindow(TimeSpan.FromSeconds(6), TimeSpan.FromSeconds(2));
        window.Record(At(0), 5).Should().Be(5);
        window.Record(At(2), 2).Should().Be(5);
        window.Record(At(4), 1).Should().Be(5);
        window.Record(At(6), 1).Should().Be(2);
        window.Record(At(8), 1).Should().Be(1);
        window.Record(At(8), 7).Should().Be(7);
    }

    private static DateTimeOffset At(double seconds) => Start + TimeSpan.FromSeconds(seconds);
}
