using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Conditions;
using Serving.Api.Core;

namespace Serving.Tests.Api;

public sealed class ConditionSetTests
{
    private static readonly ConditionSet Set = new("Ready", "A", "B");
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    [Test]
    public void Initializes_missing_conditions_as_unknown_sorted_by_type()
    {
        var conditions = Set.Initialize([], Now);

        conditions
            .Select(condition => (condition.Type, condition.Status))
            .Should()
            .Equal(("A", "Unknown"), ("B", "Unknown"), ("Ready", "Unknown"));
    }

    [Test]
    public void Is_happy_only_when_every_dependent_is_true()
    {
        var one = Set.MarkTrue(Set.Initialize([], Now), "A", Now);
        var both = Set.MarkTrue(one, "B", Now);

        Set.IsHappy(one).Should().BeFalse();
        Set.IsHappy(both).Should().BeTrue();
    }

    [Test]
    public void A_false_dependent_gives_its_reason_to_the_happy_condition()
    {
        var conditions = Set.MarkFalse(Set.Initialize([], Now), "A", "Broken", "it broke", Now);

        ConditionSet
            .Get(conditions, "Ready")
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "False",
                    Reason = "Broken",
                    Message = "it broke",
                    Severity = "",
                }
            );
    }

    [Test]
    public void An_unknown_dependent_does_not_hide_a_false_one()
    {
        var conditions = Set.MarkFalse(Set.Initialize([], Now), "A", "Broken", "it broke", Now);

        conditions = Set.MarkUnknown(conditions, "B", "Waiting", "", Now);

        ConditionSet.Get(conditions, "Ready")!.Reason.Should().Be("Broken");
    }

    [Test]
    public void The_happy_condition_recovers_from_false()
    {
        var conditions = Set.MarkFalse(Set.MarkTrue(Set.Initialize([], Now), "B", Now), "A", "Broken", "it broke", Now);

        Set.IsHappy(Set.MarkTrue(conditions, "A", Now)).Should().BeTrue();
    }

    [Test]
    public void An_informational_condition_does_not_decide()
    {
        var conditions = Set.MarkTrue(Set.MarkTrue(Set.Initialize([], Now), "A", Now), "B", Now);

        conditions = Set.MarkFalse(conditions, "Active", "NoTraffic", "", Now);

        Set.IsHappy(conditions).Should().BeTrue();
        ConditionSet.Get(conditions, "Active")!.Severity.Should().Be("Info");
    }

    [Test]
    public void The_time_moves_only_when_something_else_does()
    {
        var later = Now.AddMinutes(1);
        var first = Set.MarkUnknown(Set.Initialize([], Now), "A", "X", "m", Now);

        var same = Set.MarkUnknown(first, "A", "X", "m", later);
        var other = Set.MarkUnknown(first, "A", "X", "n", later);

        ConditionSet.Get(same, "A")!.LastTransitionTime.Should().Be(Now);
        ConditionSet.Get(other, "A")!.LastTransitionTime.Should().Be(later);
    }

    [Test]
    public void A_condition_that_decides_cannot_be_removed()
    {
        var act = () => Set.Clear([new Condition { Type = "A" }], "A");

        act.Should().Throw<InvalidOperationException>();
    }
}
