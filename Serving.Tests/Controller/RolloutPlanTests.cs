using FluentAssertions;
using NUnit.Framework;
using Serving.Controller.Routes.Traffic;

namespace Serving.Tests.Controller;

public sealed class RolloutPlanTests
{
    private const long Second = 1_000_000_000;

    [Test]
    public void Traffic_moves_in_equal_steps_until_the_newest_has_all()
    {
        var now = 1000 * Second;
        var (rollout, _) = RolloutPlan.Step(Wanted("b"), Wanted("a"), now);
        rollout = RolloutPlan.ObserveReady(rollout, now + (5 * Second), 105);
        var newest = new List<int>();
        while (!rollout.Done)
        {
            now = rollout.Configurations[0].StepParams.NextStepTime;
            (rollout, _) = RolloutPlan.Step(Wanted("b"), rollout, now);
            newest.Add(rollout.Configurations[0].Revisions[^1].Percent);
        }

        newest.Should().HaveCountGreaterThan(10).And.BeInAscendingOrder();
        newest[^1].Should().Be(100);
        now.Should().BeLessThan(1120 * Second);
    }

    [Test]
    public void The_annotation_reads_back()
    {
        var (rollout, _) = RolloutPlan.Step(Wanted("b"), Wanted("a"), 1000 * Second);

        var text = rollout.Serialize();

        text.Should()
            .Be(
                """{"configurations":[{"configurationName":"c","percent":100,"revisions":[{"revisionName":"a","percent":99},{"revisionName":"b","percent":1}],"stepParams":{"starttime":1000000000000}}]}"""
            );
        Rollout.Parse(text)!.Serialize().Should().Be(text);
    }

    [TestCase("")]
    [TestCase("{")]
    [TestCase(
        """{"configurations":[{"configurationName":"c","percent":100,"revisions":[{"revisionName":"a","percent":9}],"stepParams":{}}]}"""
    )]
    public void An_annotation_that_does_not_add_up_is_ignored(string text) => Rollout.Parse(text).Should().BeNull();

    private static Rollout Wanted(string revision) =>
        Rollout.Sorted([
            new ConfigurationRollout
            {
                ConfigurationName = "c",
                Percent = 100,
                Revisions = [new RevisionRollout(revision, 100)],
            },
        ]);
}
