using FluentAssertions;
using NUnit.Framework;
using Serving.Activator.ColdStarts;

namespace Serving.Tests.Activator.ColdStarts;

public sealed class ColdStartBreakdownTests
{
    [Test]
    public void Phases_follow_each_other_and_their_sum_is_the_duration()
    {
        var parts = Of(0.1, 0.2, 0.5, 2.5, 2.6, 4, 4.5);

        Seconds(parts).Should().Equal(0.1, 0.1, 0.3, 2, 0.1, 1.4, 0.5);
        parts.Duration.Should().Be(TimeSpan.FromSeconds(4.5));
        parts.Unattributed.Should().Be(TimeSpan.Zero);
        parts.Longest.Should().Be(("image_pull", TimeSpan.FromSeconds(2)));
        parts
            .ToString()
            .Should()
            .Be(
                "decide 0.100 s, scale_write 0.100 s, schedule 0.300 s, image_pull 2.000 s, container_start 0.100 s, ready 1.400 s, first_byte 0.500 s"
            );
    }

    [Test]
    public void What_is_reported_too_late_or_too_early_is_moved_between_what_our_own_clock_saw()
    {
        // Scheduled before the scale was written, and started after the pod accepted the request: both impossible.
        var parts = Of(0.1, 0.2, 0.15, 0.9, 1.7, 1, 1.2);

        Seconds(parts).Should().Equal(0.1, 0.1, 0, 0.7, 0.1, 0, 0.2);
        parts.Unattributed.Should().Be(TimeSpan.Zero);
    }

    [Test]
    public void A_phase_without_begin_or_end_has_no_duration_and_its_time_is_attributed_to_none()
    {
        var parts = Of(null, null, 3, 3.5, 3.6, 4, 4.5);

        Seconds(parts).Should().Equal(null, null, null, 0.5, 0.1, 0.4, 0.5);
        parts.Unattributed.Should().Be(TimeSpan.FromSeconds(3));
        parts.Longest.Should().Be(("unattributed", TimeSpan.FromSeconds(3)));
        Total(parts).Should().Be(parts.Duration);
    }

    [Test]
    public void The_response_without_any_status_of_a_pod_still_has_a_duration()
    {
        var parts = Of(0.1, 0.2, null, null, null, 4, 4.5);

        Seconds(parts).Should().Equal(0.1, 0.1, null, null, null, null, 0.5);
        Total(parts).Should().Be(parts.Duration);
    }

    [Test]
    public void Whatever_is_known_nothing_is_negative_and_the_sum_is_the_duration()
    {
        var random = new Random(7);
        for (var i = 0; i < 2000; i++)
        {
            var accepted = random.NextDouble() * 5;
            var ends = Enumerable.Range(0, 5).Select(_ => random.Next(3) == 0 ? null : (double?)((random.NextDouble() * 8) - 1)).ToList();
            var parts = Of([.. ends, accepted, accepted + random.NextDouble()]);

            Seconds(parts).Should().OnlyContain(static seconds => seconds == null || seconds >= 0);
            parts.Unattributed.Should().BeGreaterThanOrEqualTo(TimeSpan.Zero);
            Total(parts).Should().BeCloseTo(parts.Duration, TimeSpan.FromTicks(10));
        }
    }

    [TestCase(1.0, 0.8, 0, 0.8, TestName = "An exact reported time just before we saw it is used")]
    [TestCase(3.0, 1.0, 1, 1.5, TestName = "A reported whole second is half a second early on average")]
    [TestCase(1.3, 1.0, 1, 1.3, TestName = "Within the reported second the time we saw it is better")]
    [TestCase(1.0, 1.2, 0, 1.0, TestName = "A reported time in our future comes from a clock that is ahead")]
    [TestCase(1.0, 4.0, 1, 1.0, TestName = "A reported second in our future comes from a clock that is ahead")]
    [TestCase(9.0, 5.5, 1, 9.0, TestName = "A reported time long before we saw it comes from a clock that is behind")]
    [TestCase(1.0, null, 0, 1.0, TestName = "Without a reported time the time we saw it counts")]
    public void The_estimate_trusts_clocks_that_seem_to_agree(double seen, double? reported, double resolution, double estimate) =>
        new ObservedMoment(
            TimeSpan.FromSeconds(seen),
            reported is { } at ? TimeSpan.FromSeconds(at) : null,
            TimeSpan.FromSeconds(resolution)
        )
            .Estimate.TotalSeconds.Should()
            .Be(estimate);

    private static ColdStartBreakdown Of(params double?[] ends) =>
        new([.. ends.Select(static end => end is { } seconds ? TimeSpan.FromSeconds(seconds) : (TimeSpan?)null)]);

    private static IEnumerable<double?> Seconds(ColdStartBreakdown parts) =>
        Enum.GetValues<ColdStartPhase>().Select(phase => parts[phase] is { } known ? Math.Round(known.TotalSeconds, 6) : (double?)null);

    private static TimeSpan Total(ColdStartBreakdown parts) =>
        Enum.GetValues<ColdStartPhase>().Aggregate(parts.Unattributed, (sum, phase) => sum + (parts[phase] ?? TimeSpan.Zero));
}
