using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Core;
using Serving.LocalCluster.Controllers.ReplicaSets;
using static Serving.Tests.LocalCluster.Controllers.Samples;

namespace Serving.Tests.LocalCluster.Controllers;

public sealed class PodRankingTests
{
    [TestCaseSource(nameof(Pairs))]
    public void The_pod_of_less_worth_goes_first(Pod less, Pod more)
    {
        PodRanking.ByWorth([less, more]).First().Should().BeSameAs(less);
        PodRanking.ByWorth([more, less]).First().Should().BeSameAs(less);
    }

    [Test]
    public void A_deletion_cost_that_is_no_number_counts_as_zero() =>
        PodRanking
            .ByWorth([Costs(Pod("a", ready: true), "1"), Costs(Pod("b", ready: true), "cheap"), Costs(Pod("c", ready: true), "-1")])
            .Select(pod => pod.Metadata.Name)
            .Should()
            .Equal("c", "b", "a");

    private static IEnumerable<TestCaseData> Pairs()
    {
        var ready = Pod("x", ready: true);
        yield return Case("Not bound to a node", Pod("n", node: "", ready: true), ready);
        yield return Case("Pending", Pod("n", phase: "Pending", ready: true), ready);
        yield return Case("Unknown", Pod("n", phase: "Unknown", ready: true), ready);
        yield return Case("Not ready", Pod("n"), ready);
        yield return Case("Not ready, whatever it costs", Costs(Pod("n"), "100"), ready);
        yield return Case("Cheaper to delete", Costs(Pod("n", ready: true), "-5"), ready);
        yield return Case("Ready for a shorter time", ReadySince(Pod("n"), Noon.AddMinutes(1)), ready);
        yield return Case("Restarted more often", Restarted(Pod("n", ready: true), 2), ready);
        yield return Case("Younger", CreatedAt(Pod("n", ready: true), Noon.AddMinutes(1)), ready);
        yield return Case("Younger, both not ready", CreatedAt(Pod("n"), Noon.AddMinutes(1)), UnreadySince(Pod("x"), Noon.AddMinutes(5)));
    }

    private static TestCaseData Case(string name, Pod less, Pod more) => new TestCaseData(less, more).SetName(name);

    private static Pod Costs(Pod pod, string cost) =>
        pod.With(metadata =>
            metadata with
            {
                Annotations = new Dictionary<string, string> { ["controller.kubernetes.io/pod-deletion-cost"] = cost },
            }
        );

    private static Pod ReadySince(Pod pod, DateTimeOffset since) => With(pod, "True", since);

    private static Pod UnreadySince(Pod pod, DateTimeOffset since) => With(pod, "False", since);

    private static Pod With(Pod pod, string status, DateTimeOffset since) =>
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

    private static Pod Restarted(Pod pod, int times) =>
        pod with
        {
            Status = pod.Status! with { ContainerStatuses = [new ContainerStatus { RestartCount = times }] },
        };

    private static Pod CreatedAt(Pod pod, DateTimeOffset time) => pod.With(metadata => metadata with { CreationTimestamp = time });
}
