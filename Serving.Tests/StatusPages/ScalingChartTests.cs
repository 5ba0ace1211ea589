using FluentAssertions;
using NUnit.Framework;
using Serving.Dataplane.Inspection;
using Serving.StatusPages.Components;

namespace Serving.Tests.StatusPages;

public sealed class ScalingChartTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Test]
    public void Ten_minutes_ago_is_left_and_now_is_right()
    {
        var chart = new ScalingChart([Point(-10, 0, 0), Point(-5, 10, 10)], Now);

        chart.MostLoad.Should().Be(10);
        chart.Stable.Should().Be("M0 118.5L300 1.5H600");
        chart.Ready.Should().Be("M0 118.5H300V1.5H600", "pods come at once, not gradually");
    }

    [Test]
    public void What_is_older_is_at_the_left_edge() => new ScalingChart([Point(-30, 1, 1)], Now).Desired.Should().Be("M0 1.5H600");

    [TestCase(0f, 1)]
    [TestCase(0.4f, 1)]
    [TestCase(4f, 5)]
    [TestCase(120f, 200)]
    [TestCase(950f, 1000)]
    public void The_axis_ends_at_a_round_number(float load, double most) =>
        new ScalingChart([Point(-1, load, 1)], Now).MostLoad.Should().Be(most);

    [Test]
    public void A_short_history_takes_the_whole_width()
    {
        var chart = new ScalingChart([Point(-2, 0, 0), Point(-1, 1, 1)], Now);

        chart.Span.Should().Be(TimeSpan.FromMinutes(2));
        chart.Stable.Should().Be("M0 118.5L300 1.5H600");
        new ScalingChart([Point(-0.1, 0, 0)], Now).Span.Should().Be(TimeSpan.FromMinutes(1));
    }

    [Test]
    public void No_points_are_no_lines()
    {
        var chart = new ScalingChart([], Now);

        chart.Stable.Should().BeEmpty();
        chart.Table().Should().BeEmpty();
        chart.LoadText.Should().Be("There are no points.");
    }

    [Test]
    public void The_table_says_the_same_as_the_lines()
    {
        var table = new ScalingChart([Point(-10, 0, 0), Point(-5, 10, 2)], Now).Table();

        table.Should().HaveCount(ScalingChart.MostRows);
        table[0]
            .Should()
            .BeEquivalentTo(
                new
                {
                    At = Now,
                    Stable = 10f,
                    ReadyPods = 2,
                }
            );
        table[^1].Should().BeEquivalentTo(new { Stable = 0f, ReadyPods = 0 });
    }

    [Test]
    public void The_text_alternative_has_the_values()
    {
        var chart = new ScalingChart([Point(-10, 30, 3), Point(-1, 2.25f, 1)], Now);

        chart.LoadText.Should().Contain("2.25 now").And.Contain("at most 30");
        chart.PodsText.Should().Contain("1 pod desired now, at most 3").And.Contain("1 ready now");
    }

    private static ScalingPoint Point(double minutes, float load, int pods) =>
        new(Now + TimeSpan.FromMinutes(minutes), load, load, pods, pods, false);
}
