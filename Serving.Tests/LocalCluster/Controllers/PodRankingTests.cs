using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Core;
using Serving.LocalCluster.Controllers.ReplicaSets;
using static Serving.Tests.LocalCluster.Controllers.Samples;

namespace Serving.Tests.LocalCluster.Controllers;

public sealed class PodRankingTests
{
    private static readonly DateTimeOffset Now = Noon.AddHours(1);

    [TestCaseSource(nameof(Pairs))]
    public void The_pod_of_less_worth_goes_first(Pod less, Pod more)
    {
        PodRanking.ByWorth([less, more], Now)[0].Should().BeSameAs(less);
        PodRanking.ByWorth([more, less], Now)[0].Should().BeSameAs(less);
    }

    [Test]
    public void A_deletion_cost_that_is_no_number_counts_as_zero() =>
        PodRanking
            .ByWorth(
                [
                    Costs(Pod("a", ready: true), "1"),
                    Costs(Pod("b", ready: true), "cheap"),
                    Costs(Pod("c", ready: true), "-1"),
                    Costs(Pod("d", ready: true), "+9"),
                    Costs(Pod("e", ready: true), "-09"),
                ],
                Now
            )
            .Select(pod => pod.Metadata.Name)
            .Should()
            .Equal("e", "c", "b", "d", "a");

    [Test]
    public void A_pod_on_a_node_with_more_of_them_goes_first() =>
        PodRanking
            .ByWorth([Pod("a", ready: true, node: "alone"), Pod("x", ready: true, node: "full"), Pod("y", ready: true, node: "full")], Now)
            .Select(pod => pod.Metadata.Name)
            .Should()
            .Equal("x", "y", "a");

    [Test]
    public void Many_pods_of_about_the_same_age_are_all_ranked()
    {
        var pods = Enumerable
            .Range(0, 300)
            .Select(i => Restarted(ReadySince(Pod($"p{i * 37 % 300}"), Noon.AddSeconds(i % 7)), i % 5))
            .ToList();

        PodRanking.ByWorth(pods, Now).Select(pod => pod.Metadata.Name).Should().HaveCount(300).And.OnlyHaveUniqueItems();
    }

    private static IEnumerable<TestCaseData> Pairs()
    {
        var ready = Pod("x", ready: true);
        yield return Case("Not bound to a node", Pod("n", node: "", ready: true), ready);
        yield return Case("Pending", Pod("n", phase: "Pending", ready: true), ready);
        yield return Case("Unknown", Pod("n", phase: "Unknown", ready: true), ready);
        yield return Case("Not ready", Pod("n"), ready);
        yield return Case("Not ready, whatever it costs", Costs(Pod("n"), "100"), ready);
        yield return Case("Cheaper to delete", Costs(Pod("n", ready: true), "-5"), ready);
        yield return Case(
            "Cheaper to delete, though older",
            Costs(ReadySince(Pod("z"), Noon), "-5"),
            ReadySince(Pod("x"), Now.AddSeconds(-1))
        );
        yield return Case("Ready for a much shorter time", ReadySince(Pod("z"), Noon.AddMinutes(45)), ReadySince(Pod("x"), Noon));
        yield return Case("Ready for about the same time", ReadySince(Pod("a"), Noon), ReadySince(Pod("x"), Noon.AddMinutes(1)));
        yield return Case("Ready since an unknown time", ReadySince(Pod("z"), null), ReadySince(Pod("x"), Now.AddSeconds(-1)));
        yield return Case(
            "Ready by a clock that is ahead",
            ReadySince(Pod("z"), Now.AddSeconds(1)),
            ReadySince(Pod("x"), Now.AddSeconds(-1))
        );
        yield return Case("Restarted more often", Restarted(Pod("z", ready: true), 2), ready);
        yield return Case(
            "One container restarted more often",
            Restarted(Pod("z", ready: true), 3),
            Restarted(Pod("x", ready: true), 2, 2)
        );
        yield return Case("Much younger", CreatedAt(Pod("z", ready: true), Noon.AddMinutes(45)), ready);
        yield return Case("Of about the same age", CreatedAt(Pod("a", ready: true), Noon.AddMinutes(-1)), ready);
        yield return Case("Created at an unknown time", CreatedAt(Pod("z", ready: true), null), ready);
        yield return Case("Younger, both not ready", CreatedAt(Pod("z"), Noon.AddMinutes(45)), UnreadySince(Pod("x"), Noon.AddMinutes(50)));
    }

    private static TestCaseData Case(string name, Pod less, Pod more) => new TestCaseData(less, more).SetName(name);

    private static Pod Costs(Pod pod, string cost) =>
        pod.With(metadata =>
            metadata with
            {
                Annotations = new Dictionary<string, string> { ["controller.kubernetes.io/pod-deletion-cost"] = cost },
            }
        );

    private static Pod ReadySince(Pod pod, DateTimeOffset? since) => With(pod, "True", since);

    private static Pod UnreadySince(Pod pod, DateTimeOffset since) => With(pod, "False", since);

    private static Pod With(Pod pod, string status, DateTimeOffset? since) =>
        pod with
        {
            Status = pod.Status! with
            {
                Conditions =
                [
                    new Condition
                    {
                        Type = "Ready",
                        Status = status,
                        LastTransitionTime = since,
                    },
                ],
            },
        };

    private static Pod Restarted(Pod pod, params int[] times) =>
        pod with
        {
            Status = pod.Status! with { ContainerStatuses = [.. times.Select(t => new ContainerStatus { RestartCount = t })] },
        };

    private static Pod CreatedAt(Pod pod, DateTimeOffset? time) => pod.With(metadata => metadata with { CreationTimestamp = time });
}
