using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Core;
using Serving.Autoscaler.ScaleDown;
using Serving.LocalCluster.Controllers.ReplicaSets;

namespace Serving.Tests.Autoscaler.ScaleDown;

public sealed class DeletionCostsTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [TestCase(5, 3, "0 0 0 0 0", "", ExpectedResult = 0, TestName = "All idle")]
    [TestCase(5, 3, "2 2 2 2 2", "", ExpectedResult = 0, TestName = "All equally busy")]
    [TestCase(10, 9, "0 0 0 7 0 0 0 0 0 0", "", ExpectedResult = 1, TestName = "One busy among many")]
    [TestCase(10, 1, "3 3 3 0 3 3 3 3 3 3", "", ExpectedResult = 1, TestName = "One idle among many")]
    [TestCase(5, 3, "0 0 0 0 9", "0 0 0 0 1", ExpectedResult = 0, TestName = "The busy one is spared already")]
    [TestCase(5, 3, "9 0 0 0 0", "0 0 0 0 1", ExpectedResult = 1, TestName = "Another one was spared before")]
    [TestCase(4, 2, "0 1 1 2", "", ExpectedResult = 2, TestName = "Either of two may go")]
    [TestCase(3, 0, "0 1 2", "", ExpectedResult = 0, TestName = "None is removed")]
    [TestCase(3, 3, "0 1 2", "", ExpectedResult = 0, TestName = "All are removed")]
    [TestCase(3, 2, "0 x 5", "", ExpectedResult = 1, TestName = "A pod that does not respond counts as the busiest")]
    [TestCase(3, 1, "0p 0 4", "", ExpectedResult = 1, TestName = "A parked pod goes first among idle ones")]
    public int Writes_only_what_changes_the_order(int count, int removed, string loads, string costs)
    {
        var pods = Pods(loads, costs);
        pods.Should().HaveCount(count);
        var plan = DeletionCosts.Plan(pods, removed, 100);

        AssertOrder(Apply(pods, plan), removed);
        return plan.Count;
    }

    [Test]
    public void The_least_busy_pods_go_whatever_costs_there_were()
    {
        var random = new Random(7);
        for (var round = 0; round < 2000; round++)
        {
            var pods = Enumerable
                .Range(0, random.Next(2, 30))
                .Select(i => new PodLoad(
                    Pod(
                        $"pod-{i}",
                        random.Next(6) switch
                        {
                            0 => "1",
                            1 => "-3",
                            2 => $"{random.Next(-100, 100)}",
                            3 when random.Next(10) == 0 => $"{int.MaxValue}",
                            4 when random.Next(10) == 0 => $"{int.MinValue}",
                            _ => null,
                        }
                    ),
                    random.Next(10) == 0 ? null : random.Next(4),
                    random.Next(8) == 0
                ))
                .ToList();
            var removed = random.Next(1, pods.Count);
            var plan = DeletionCosts.Plan(pods, removed, 100);
            var after = Apply(pods, plan);

            AssertOrder(after, removed);
            plan.Select(cost => cost.Pod.Metadata.Name).Should().OnlyHaveUniqueItems();
            DeletionCosts.Plan(after, removed, 100).Should().BeEmpty("what a plan wrote needs no other");
        }
    }

    [Test]
    public void A_plan_that_is_cut_short_spares_the_busiest()
    {
        var pods = Enumerable.Range(0, 100).Select(i => new PodLoad(Pod($"pod-{i}", null), i)).ToList();

        var plan = DeletionCosts.Plan(pods, 50, 20).Take(20).ToList();

        plan.Select(cost => cost.Pod.Metadata.Name).Should().Equal(Enumerable.Range(80, 20).Reverse().Select(i => $"pod-{i}"));
        plan.Should().OnlyContain(cost => cost.Cost > 0);
    }

    [TestCase("12", 12)]
    [TestCase("-4", -4)]
    [TestCase("+4", 0)]
    [TestCase("007", 0)]
    [TestCase("many", 0)]
    [TestCase(null, 0)]
    public void Reads_costs_as_Kubernetes_does(string? text, int cost) => DeletionCosts.Of(Pod("pod", text)).Should().Be(cost);

    private static void AssertOrder(List<PodLoad> pods, int removed)
    {
        var ranks = pods.ToDictionary(pod => pod.Pod.Metadata.Name, pod => pod.Rank);
        var order = PodRanking.ByWorth([.. pods.Select(pod => pod.Pod)], Now).Select(pod => ranks[pod.Metadata.Name]).ToList();
        if (removed > 0 && removed < order.Count)
            order.Take(removed).Max().CompareTo(order.Skip(removed).Min()).Should().BeLessThanOrEqualTo(0);
    }

    private static List<PodLoad> Apply(List<PodLoad> pods, IReadOnlyList<DeletionCost> plan) =>
        [
            .. pods.Select(pod =>
                plan.FirstOrDefault(cost => cost.Pod == pod.Pod) is { } set
                    ? pod with
                    {
                        Pod = Pod(pod.Pod.Metadata.Name, $"{set.Cost}"),
                    }
                    : pod
            ),
        ];

    private static List<PodLoad> Pods(string loads, string costs)
    {
        var set = costs.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return
        [
            .. loads
                .Split(' ')
                .Select(
                    (load, i) =>
                        new PodLoad(
                            Pod($"pod-{i}", i < set.Length && set[i] != "0" ? set[i] : null),
                            load == "x" ? null : int.Parse(load.TrimEnd('p'), System.Globalization.CultureInfo.InvariantCulture),
                            load.EndsWith('p')
                        )
                ),
        ];
    }

    private static Pod Pod(string name, string? cost) =>
        new()
        {
            Metadata = new ObjectMeta
            {
                Name = name,
                Uid = name,
                Annotations = cost is null ? [] : new Dictionary<string, string> { [DeletionCosts.Annotation] = cost },
            },
            Spec = new PodSpec { NodeName = "node" },
            Status = new PodStatus { Phase = "Running", Conditions = [new Condition { Type = "Ready", Status = "True" }] },
        };
}
