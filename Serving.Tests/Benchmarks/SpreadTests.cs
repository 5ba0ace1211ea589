using FluentAssertions;
using NUnit.Framework;
using Serving.Benchmarks.Report.Model;

namespace Serving.Tests.Benchmarks;

[TestFixture]
public sealed class SpreadTests
{
    [Test]
    public void The_median_is_the_middle_of_an_odd_number_of_rounds_in_any_order() => Spread.Of([9, 1, 4]).Should().Be(new Spread(4, 1, 9));

    [Test]
    public void The_median_of_an_even_number_of_rounds_is_the_mean_of_the_two_in_the_middle() =>
        Spread.Of([8, 1, 2, 4]).Should().Be(new Spread(3, 1, 8));

    [Test]
    public void No_rounds_have_no_median() => FluentActions.Invoking(() => Spread.Of([])).Should().Throw<ArgumentException>();

    [Test]
    public void A_ratio_is_that_of_neighbouring_rounds_so_that_a_slow_spell_of_the_machine_cancels_out() =>
        Spread.OfRatios([10, 40, 12], [5, 20, 4]).Should().Be(new Spread(2, 2, 3));

    [Test]
    public void Rounds_without_a_neighbour_are_not_compared() =>
        FluentActions.Invoking(() => Spread.OfRatios([1, 2], [1])).Should().Throw<ArgumentException>();

    [TestCase(0.5, 2)]
    [TestCase(0.75, 3)]
    [TestCase(0.76, 4)]
    [TestCase(0.99, 4)]
    [TestCase(1, 4)]
    [TestCase(0, 1)]
    public void A_percentile_is_a_measured_value_that_the_share_does_not_exceed(double share, double expected) =>
        Percentile.Of([4, 3, 1, 2], share).Should().Be(expected);

    [Test]
    public void A_goal_is_met_at_its_limit_and_missed_beyond_it()
    {
        new Goal(1.8).IsMet(1.8).Should().BeTrue();
        new Goal(1.8).IsMet(1.81).Should().BeFalse();
        new Goal(0.9, AtLeast: true).IsMet(0.9).Should().BeTrue();
        new Goal(0.9, AtLeast: true).IsMet(0.89).Should().BeFalse();
    }
}
