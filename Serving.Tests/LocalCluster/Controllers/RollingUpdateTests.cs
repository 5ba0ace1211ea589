using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Core;
using Serving.LocalCluster.Controllers.Deployments;
using static Serving.Tests.LocalCluster.Controllers.Samples;

namespace Serving.Tests.LocalCluster.Controllers;

public sealed class RollingUpdateTests
{
    [TestCase("25%", "25%", 10, 3, 2)]
    [TestCase("25%", "25%", 1, 1, 0)]
    [TestCase("100%", "0", 3, 3, 0)]
    [TestCase("0", "0", 3, 0, 1)]
    [TestCase("0%", "10%", 3, 0, 1)]
    [TestCase("1", "2", 5, 1, 2)]
    [TestCase("many", "-3", 4, 1, 1, Description = "what is no bound counts as not stated")]
    public void Bounds_are_pods_with_the_surge_rounded_up_and_never_both_zero(
        string surge,
        string unavailable,
        int replicas,
        int pods,
        int missing
    ) => RollingUpdate.Bounds(Deployment(replicas, strategy: Rolling(Parse(surge), Parse(unavailable))).Spec!).Should().Be((pods, missing));

    // wanted, surge, unavailable; newest size/available; old size/available → newest, old
    [TestCase(3, 1, 0, 0, 0, 3, 3, 1, 3, TestName = "One more is started before one is given up")]
    [TestCase(3, 1, 0, 1, 0, 3, 3, 1, 3, TestName = "Nothing goes before the new pod is available")]
    [TestCase(3, 1, 0, 1, 1, 3, 3, 1, 2, TestName = "An old pod goes for an available new one")]
    [TestCase(3, 0, 1, 0, 0, 3, 3, 0, 2, TestName = "Without a surge an old pod goes first")]
    [TestCase(3, 1, 0, 1, 0, 3, 1, 1, 3, TestName = "Old pods that are not available are kept while the new one is not")]
    [TestCase(4, 2, 0, 2, 2, 4, 2, 2, 2, TestName = "Old pods that are not available go first")]
    [TestCase(2, 1, 0, 3, 3, 1, 1, 2, 0, TestName = "A newest that is too large shrinks")]
    [TestCase(3, 1, 0, 3, 3, 1, 1, 3, 0, TestName = "The last old pod goes")]
    public void A_rolling_update_goes_step_by_step(
        int wanted,
        int surge,
        int unavailable,
        int newSize,
        int newAvailable,
        int oldSize,
        int oldAvailable,
        int newNext,
        int oldNext
    )
    {
        var plan = RollingUpdate.Plan(
            Deployment(wanted, strategy: Rolling(surge, unavailable)).Spec!,
            Set("new", newSize, newAvailable),
            [Set("old", oldSize, oldAvailable)]
        );

        plan["new"].Should().Be(newNext);
        plan["old"].Should().Be(oldNext);
    }

    [Test]
    public void Without_old_pods_the_newest_has_the_wanted_size_at_once() =>
        RollingUpdate
            .Plan(Deployment(5).Spec!, Set("new", 1), [Set("old", 0)])
            .Should()
            .Equal(new Dictionary<string, int> { ["old"] = 0, ["new"] = 5 });

    [Test]
    public void Recreate_waits_until_every_old_pod_is_gone()
    {
        var spec = Deployment(3, strategy: new DeploymentStrategy { Type = "Recreate" }).Spec!;

        RollingUpdate.Plan(spec, Set("new", 0), [Set("old", 3)]).Should().Equal(new Dictionary<string, int> { ["old"] = 0, ["new"] = 0 });
        RollingUpdate.Plan(spec, Set("new", 0), [Set("old", 0, exist: 1)])["new"].Should().Be(0);
        RollingUpdate.Plan(spec, Set("new", 0), [Set("old", 0)])["new"].Should().Be(3);
    }

    [Test]
    public void An_update_never_leaves_its_bounds_whatever_becomes_available_when(
        [Values(1, 2, 5, 10)] int wanted,
        [Values(0, 1, 3)] int surge,
        [Values(0, 1, 2)] int unavailable,
        [Values(1, 2, 3)] int seed
    )
    {
        var random = new Random(seed);
        var spec = Deployment(wanted, strategy: Rolling(surge, unavailable)).Spec!;
        var bounds = RollingUpdate.Bounds(spec);
        var (newest, older) = (Set("new", 0), Set("old", wanted, wanted));
        for (var step = 0; newest.Status!.AvailableReplicas < wanted || older.Spec!.Replicas > 0; step++)
        {
            step.Should().BeLessThan(200, "the update ends");
            var plan = RollingUpdate.Plan(spec, newest, [older]);
            newest = Resize(newest, plan["new"]);
            older = Resize(older, plan["old"]);
            (plan["new"] + plan["old"]).Should().BeLessThanOrEqualTo(wanted + bounds.Surge);
            (newest.Status!.AvailableReplicas + older.Status!.AvailableReplicas)
                .Should()
                .BeGreaterThanOrEqualTo(wanted - bounds.Unavailable);
            var more = newest.Status.AvailableReplicas!.Value + random.Next(0, plan["new"] - newest.Status.AvailableReplicas.Value + 1);
            newest = newest with { Status = newest.Status with { AvailableReplicas = more } };
        }
    }

    private static ReplicaSet Resize(ReplicaSet set, int size) =>
        set with
        {
            Spec = set.Spec! with { Replicas = size },
            Status = set.Status! with { Replicas = size, AvailableReplicas = Math.Min(set.Status.AvailableReplicas ?? 0, size) },
        };

    private static IntOrString Parse(string bound) => int.TryParse(bound, out var number) ? number : bound;
}
