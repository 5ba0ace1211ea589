using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;

namespace Serving.Tests.Cluster.EndToEnd;

/// <summary>The number of pods by load, and when activators are in the request path.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category("Slow")]
public sealed class AutoscalingTests : EndToEndTests
{
    private const int Target = 2;
    private const double Utilization = 0.7;
    private const string Slow = "/wait?before=500";

    /// <summary>A concurrency limit of two with 70 % utilization, over the shortest stable window.</summary>
    private static readonly (string, string)[] Scaling =
    [
        ("target", $"{Target}"),
        ("target-utilization-percentage", "70"),
        ("window", "6s"),
    ];

    [TestCase("linear")]
    [TestCase("weightedExponential")]
    public async Task Load_brings_pods_its_end_takes_all_and_load_brings_them_again(string algorithm)
    {
        await StartAsync(new("load") { Scaling = [.. Scaling, ("metric-aggregation-algorithm", algorithm)] });
        await using (LoadOf("load", 2 * Target, Slow))
        {
            await HasPodsAsync("load-00001", 2);
        }

        await AtZeroAsync("load-00001");

        await using (LoadOf("load", 2 * Target, Slow))
        {
            await HasPodsAsync("load-00001", 2);
        }
    }

    [Test]
    public async Task Pods_follow_a_growing_number_of_requests_at_once()
    {
        await StartAsync(new("count") { Scaling = Scaling });
        await using var load = LoadOf("count", Target, Slow);
        for (var pods = 2; pods <= 4; pods++)
        {
            load.Add(Target);
            await HasPodsAsync("count-00001", pods);
        }
    }

    [Test]
    public async Task Pods_follow_a_growing_number_of_requests_a_second()
    {
        const int perSecond = 10;
        await StartAsync(
            new("rate")
            {
                Scaling = [("metric", "rps"), ("target", $"{perSecond}"), ("target-utilization-percentage", "70"), ("window", "6s")],
            }
        );

        // Each client sends two requests per second.
        await using var load = new Load(Cluster, HostOf("rate"), "/wait?before=100", perSecond / 2, TimeSpan.FromMilliseconds(500));
        for (var pods = 2; pods <= 4; pods++)
        {
            load.Add(perSecond / 2);
            await HasPodsAsync("rate-00001", pods);
        }
    }

    // With exponential weights over six seconds, one second without a stat is most of the average, and a busy machine may miss one.
    [TestCase("linear", 6)]
    [TestCase("weightedExponential", 20)]
    public async Task Steady_load_keeps_its_pods_through_panic_and_after_it(string algorithm, int window)
    {
        const int pods = 3;
        await StartAsync(
            new("steady") { Scaling = [.. Scaling.SkipLast(1), ("window", $"{window}s"), ("metric-aggregation-algorithm", algorithm)] }
        );
        await using var load = LoadOf("steady", pods * Target, Slow);
        await HasPodsAsync("steady-00001", pods);

        // Panic mode lasts one stable window after its last trigger: wait for that, and for one window in stable mode.
        await ThroughoutAsync(
            TimeSpan.FromSeconds(9 + window),
            async () => (await ReadyPodsAsync("steady-00001")).Should().BeInRange(pods - 1, Most(pods))
        );
    }

    [Test]
    public async Task Activators_leave_the_path_once_the_pods_have_room_for_a_burst()
    {
        await StartAsync(
            new("burst")
            {
                Scaling =
                [
                    ("target", "10"),
                    ("target-utilization-percentage", "70"),
                    ("window", "6s"),
                    ("target-burst-capacity", "7"),
                    ("panic-threshold-percentage", "200"),
                ],
            }
        );
        await using var load = LoadOf("burst", 5, Slow);

        // One pod takes 10 concurrent requests, 5 are in flight: the spare capacity is 5, less than 7. Two in reserve below the 7 that a
        // pod is meant for: a count of one more for a moment asks for no second pod.
        await ActivatorsInPathAsync("burst-00001");

        // 12 concurrent requests need two pods: the spare capacity is 8.
        load.Add(7);
        await EventuallyAsync(async () =>
        {
            var pods = (await PodsAsync("burst-00001")).Select(pod => pod.Status!.PodIP).ToList();
            pods.Should().HaveCount(2);
            (await AddressesAsync("burst-00001")).Should().BeEquivalentTo(pods);
        });
    }

    [Test]
    public async Task Activators_stay_in_the_path_where_the_burst_capacity_is_unbounded()
    {
        await StartAsync(new("always") { Scaling = [("target", "10"), ("min-scale", "1"), ("target-burst-capacity", "-1")] });

        await ActivatorsInPathAsync("always-00001");
        (await CallAsync("always")).Should().Be((HttpStatusCode.OK, "Hello!"));
        (await ReadyPodsAsync("always-00001")).Should().Be(1);
        await ActivatorsInPathAsync("always-00001");
    }

    [Test]
    public async Task A_burst_capacity_of_nothing_still_scales_to_zero()
    {
        await StartAsync(new("never") { Scaling = [("target", "10"), ("target-burst-capacity", "0"), ("window", "10s")] });

        await EventuallyAsync(async () => ((await ListAsync(Resources.Deployments)).Single().Status?.ReadyReplicas ?? 0).Should().Be(0));
        await AtZeroAsync("never-00001");
        (await CallAsync("never")).Should().Be((HttpStatusCode.OK, "Hello!"));
    }

    [Test]
    public async Task A_Revision_behind_activators_is_at_zero_soon_after_its_window()
    {
        await StartAsync(new("fast") { Scaling = [("target-burst-capacity", "-1"), ("window", "6s")] });

        await EventuallyAsync(async () => (await ReadyPodsAsync("fast-00001")).Should().Be(0));
        await AtZeroAsync("fast-00001");
    }

    [Test]
    public async Task The_first_request_to_a_Revision_at_zero_brings_as_many_pods_as_it_asks_for()
    {
        await StartAsync(new("wake") { Scaling = [("activation-scale", "3"), ("window", "6s")] });
        await AtZeroAsync("wake-00001");

        (await CallAsync("wake")).Should().Be((HttpStatusCode.OK, "Hello!"));

        await EventuallyAsync(async () => (await GetAsync(Resources.Revisions, "wake-00001")).Status.DesiredReplicas.Should().Be(3));
    }

    [Test]
    public async Task Activators_hold_what_the_pods_cannot_take_and_none_of_it_fails()
    {
        await StartAsync(
            new("overload")
            {
                Scaling = [("max-scale", "5"), ("target-burst-capacity", "-1"), ("window", "6s")],
                Spec = "containerConcurrency: 1",
            }
        );

        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => CallAsync("overload", "/wait?before=300")));

        answers.Should().OnlyContain(answer => answer.Status == HttpStatusCode.OK);
        (await PodsAsync("overload-00001")).Count.Should().BeInRange(1, 5);
    }

    [TestCase("cpu", "Utilization", 75)]
    [TestCase("memory", "AverageValue", 200)]
    public async Task A_Revision_of_class_hpa_is_scaled_by_a_HorizontalPodAutoscaler(string metric, string targetType, int target)
    {
        await ApplyAsync(
            new("kubernetes")
            {
                Scaling =
                [
                    ("class", "hpa.autoscaling.knative.dev"),
                    ("metric", metric),
                    ("target", $"{target}"),
                    ("max-scale", "10"),
                    ("window", "20s"),
                ],
                Container = "resources: {requests: {cpu: 30m, memory: 20Mi}, limits: {cpu: 300m} }",
            }
        );
        await EventuallyAsync(async () =>
        {
            var scaler = (await GetAsync(Resources.HorizontalPodAutoscalers, "kubernetes-00001")).Spec!;
            scaler.ScaleTargetRef!.Name.Should().Be("kubernetes-00001-deployment");
            scaler.MaxReplicas.Should().Be(10);
            var resource = scaler.Metrics.Should().ContainSingle().Which.GetProperty("resource");
            resource.GetProperty("name").GetString().Should().Be(metric);
            resource.GetProperty("target").GetProperty("type").GetString().Should().Be(targetType);
        });

        await Cluster.WaitForReadyAsync(Namespace, "kubernetes", Limit);
        (await CallAsync("kubernetes")).Should().Be((HttpStatusCode.OK, "Hello!"));
        var status = (await GetAsync(Resources.HorizontalPodAutoscalers, "kubernetes-00001")).Status!;
        status.CurrentReplicas.Should().BePositive();
        status.DesiredReplicas.Should().BePositive();

        if (metric == "cpu")
        {
            // The program's usage must not depend on the CPU that is left for its clients.
            await using var load = new Load(Cluster, HostOf("kubernetes"), "/work?for=20", 2, TimeSpan.FromMilliseconds(200));
            await EventuallyAsync(async () =>
                (await ReadyPodsAsync("kubernetes-00001"))
                    .Should()
                    .BeGreaterThan(1, "these requests take more than three quarters of 30 thousandths of a core")
            );
        }

        ConditionOf((await GetAsync(Resources.Revisions, "kubernetes-00001")).Status, "Ready")
            .Should()
            .Match<Condition>(ready => ready.Status == "True");
    }

    /// <summary>
    /// The maximum number of pods for the load of <paramref name="pods"/>: including the headroom per pod, and twice that, because the
    /// panic window is one
    /// second here, and stats that are late on a busy machine also count in the next second.
    /// </summary>
    private static int Most(int pods) => (int)Math.Ceiling(2 * pods / Utilization);

    private Task HasPodsAsync(string revision, int pods) =>
        EventuallyAsync(async () => (await ReadyPodsAsync(revision)).Should().BeInRange(pods, Most(pods)));
}
