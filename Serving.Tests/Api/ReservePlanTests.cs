using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Autoscaling;
using Serving.Api.Core;

namespace Serving.Tests.Api;

/// <summary>What parking lowers in a pod, by what its template requests.</summary>
public sealed class ReservePlanTests
{
    private static readonly ReserveSettings Reserve = new(1, "10m", "32Mi", null);

    [TestCase("", "", "cpu=25m", "", "Burstable", "queue.cpu 25m>10m", TestName = "The default install")]
    [TestCase("cpu=100m memory=128Mi", "", "cpu=25m", "", "Burstable", "user.cpu 100m>10m, user.memory 128Mi>32Mi, queue.cpu 25m>10m")]
    [TestCase("", "cpu=1 memory=1Gi", "cpu=25m", "", "Burstable", "user.cpu 1>10m, user.memory 1Gi>32Mi, queue.cpu 25m>10m")]
    [TestCase("cpu=5m memory=32Mi", "", "cpu=25m", "", "Burstable", "queue.cpu 25m>10m", TestName = "What is low already stays")]
    [TestCase("", "", "", "", "BestEffort", "", TestName = "Nothing can be added")]
    [TestCase("cpu=0", "", "", "", "BestEffort", "", TestName = "A request of zero is none")]
    [TestCase(
        "",
        "cpu=1 memory=1Gi",
        "",
        "",
        "Burstable",
        "user.cpu 1>10m, user.memory 1Gi>32Mi",
        TestName = "A sidecar without resources"
    )]
    [TestCase(
        "",
        "cpu=1 memory=1Gi",
        "cpu=25m memory=50Mi",
        "cpu=25m memory=50Mi",
        "Guaranteed",
        "user.cpu 1>10m with limit, user.memory 1Gi>32Mi with limit, queue.cpu 25m>10m with limit, queue.memory 50Mi>32Mi with limit"
    )]
    public void Lowers_requests_and_keeps_the_class(
        string requests,
        string limits,
        string queueRequests,
        string queueLimits,
        string qos,
        string changes
    )
    {
        var pod = new PodSpec
        {
            Containers =
            [
                new Container
                {
                    Name = "user",
                    Resources = new() { Requests = Amounts(requests), Limits = Amounts(limits) },
                },
                new Container
                {
                    Name = "queue",
                    Resources = new() { Requests = Amounts(queueRequests), Limits = Amounts(queueLimits) },
                },
            ],
        };

        var plan = ReservePlan.Of(pod, Reserve);

        plan.Class.ToString().Should().Be(qos);
        string.Join(", ", plan.Changes.Select(c => $"{c.Container}.{c.Resource} {c.Full}>{c.Parked}{(c.WithLimit ? " with limit" : "")}"))
            .Should()
            .Be(changes);
    }

    [Test]
    public void Without_a_reserve_of_memory_memory_stays() =>
        ReservePlan
            .Of(
                new PodSpec
                {
                    Containers =
                    [
                        new Container
                        {
                            Name = "user",
                            Resources = new() { Requests = Amounts("cpu=1 memory=1Gi") },
                        },
                    ],
                },
                Reserve with
                {
                    Memory = null,
                }
            )
            .Changes.Should()
            .ContainSingle(change => change.Resource == "cpu");

    private static Dictionary<string, Quantity>? Amounts(string text) =>
        text.Length == 0 ? null : text.Split(' ').Select(one => one.Split('=')).ToDictionary(one => one[0], one => new Quantity(one[1]));
}
