using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Dataplane.Inspection;
using Serving.StatusPages.Models;
using Serving.StatusPages.Pages;
using Serving.StatusPages.Sources;
using Serving.Tests.Support;

namespace Serving.Tests.StatusPages;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ScalingPageTests
{
    private readonly StatusWorld _world = new();

    [SetUp]
    public void PutRevision() => _world.PutRevision("hello-00001", "hello");

    [Test]
    public void Each_step_of_the_decision_has_its_result_and_its_reason()
    {
        _world.Scaling = new(true, null, null, _world.Explanation(_world.Decision()));

        var page = Build();

        page.Steps.Select(step => $"{step.Title}: {step.Result}")
            .Should()
            .Equal(
                "Load: 18.5 stable, 20 panic",
                "Pods that the load requires: 3 stable, 3 panic",
                "Within the rates of change: 3 stable, 3 panic",
                "Panic mode: off: 3 pods",
                "Scale-down delay: 3 pods",
                "Within min-scale and max-scale: 3 pods",
                "Requested from Kubernetes: 3 pods",
                "Excess burst capacity: -201, mode Serve"
            );
        page.Steps[1].Why.Should().Contain("target of 7 per pod");
        page.Steps[^1].Why.Should().Contain("3 ready pods × 10 − 211 target burst capacity − 20 load").And.Contain("Proxy");
        page.Mode.Should().Be("Serve");
        page.Activators.Should().Be(2);
        page.Leader.Should().BeNull();
    }

    [Test]
    public void Panic_mode_says_why_it_is_on_and_that_the_scale_only_rises()
    {
        _world.Scaling = new(
            true,
            null,
            null,
            _world.Explanation(
                _world.Decision() with
                {
                    PanicWish = 9,
                    PanickingSince = _world.Time.GetUtcNow() - TimeSpan.FromSeconds(20),
                    BeforeDelay = 9,
                }
            )
        );

        var step = Build().Steps.Single(step => step.Title == "Panic mode");

        step.Result.Should().Be("on: 9 pods");
        step.Why.Should().Contain("3 times the ready pods; the threshold is 2").And.Contain("20s ago").And.Contain("only rises");
    }

    [Test]
    public void A_limit_that_changes_the_decision_is_named()
    {
        _world.Scaling = new(true, null, null, _world.Explanation(_world.Decision() with { DesiredPods = 8 }) with { Bounded = 5 });

        Build()
            .Steps.Single(step => step.Title == "Within min-scale and max-scale")
            .Why.Should()
            .Be("At least 0, at most 5. That changes 8 to 5.");
    }

    [Test]
    public void The_last_pod_that_stays_is_explained()
    {
        _world.Scaling = new(
            true,
            null,
            null,
            _world.Explanation(_world.Decision() with { DesiredPods = 0 }) with
            {
                Bounded = 0,
                Wanted = 0,
                Requested = 1,
            }
        );

        Build().Steps.Single(step => step.Title == "Requested from Kubernetes").Why.Should().Contain("the last pod stays until");
    }

    [Test]
    public void A_replica_that_does_not_decide_names_the_one_that_does()
    {
        _world.Scaling = new ScalingReading(false, "serving-1", "autoscaler.00-of-03", null);

        var page = Build();

        page.Leader.Should().Be("serving-1");
        page.Summary.Should().Contain("serving-1").And.Contain("autoscaler.00-of-03");
        page.Steps.Should().BeEmpty();
    }

    [Test]
    public void Without_stats_it_says_what_it_waits_for()
    {
        _world.Scaling = new(true, null, null, _world.Explanation() with { CollectionFailure = "connection refused" });

        Build().Steps.Should().ContainSingle().Which.Why.Should().Contain("connection refused");
    }

    [Test]
    public void The_HPA_decides_for_its_class()
    {
        var autoscaler = _world.Caches.Find(Resources.PodAutoscalers)!.Get("default", "hello-00001")!;
        _world.Caches.Put(
            autoscaler with
            {
                Metadata = autoscaler.Metadata with
                {
                    Annotations = new Dictionary<string, string> { ["autoscaling.knative.dev/class"] = "hpa.autoscaling.knative.dev" },
                },
            }
        );

        Build().Summary.Should().Contain("HorizontalPodAutoscaler");
    }

    [Test]
    public void Every_parameter_has_a_meaning()
    {
        _world.Scaling = new(true, null, null, _world.Explanation(_world.Decision()));

        Build().Parameters.Should().HaveCountGreaterThan(12).And.OnlyContain(row => row.Result.Length > 0 && row.Why.Length > 0);
    }

    [Test]
    public void Every_parameter_says_which_annotation_or_key_is_in_force()
    {
        var autoscaler = _world.Caches.Find(Resources.PodAutoscalers)!.Get("default", "hello-00001")!;
        _world.Caches.Put(
            autoscaler with
            {
                Metadata = autoscaler.Metadata with
                {
                    Annotations = new Dictionary<string, string>
                    {
                        ["autoscaling.knative.dev/window"] = "60s",
                        ["autoscaling.knative.dev/minScale"] = "0",
                        ["autoscaling.serving.dev/reserve-after"] = "5m",
                    },
                },
                Spec = autoscaler.Spec with { ContainerConcurrency = 10 },
            }
        );
        _world.Scaling = new(true, null, null, _world.Explanation(_world.Decision()) with { Reserve = Reserve("") });

        var sources = Build().Parameters.ToDictionary(row => row.Title, row => row.Source);

        sources.Values.Should().OnlyContain(source => source.Length > 0);
        sources["Stable window"].Should().Be("annotation autoscaling.knative.dev/window");
        sources["min-scale"].Should().Be("annotation autoscaling.knative.dev/minScale");
        sources["max-scale"].Should().Be("config-autoscaler: max-scale");
        sources["Target per pod"].Should().Be("containerConcurrency; config-autoscaler: container-concurrency-target-percentage");
        sources["reserve-scale"].Should().Be("config-reserve: reserve-scale");
        sources["reserve-after"].Should().Be("annotation autoscaling.serving.dev/reserve-after");
    }

    [Test]
    public void Every_key_that_is_named_as_a_source_exists()
    {
        _world.Scaling = new(true, null, null, _world.Explanation(_world.Decision()) with { Reserve = Reserve("") });
        var files = new[] { "config-autoscaler", "config-reserve" }.ToDictionary(
            name => name,
            name => File.ReadAllText(Repository.PathOf("deploy", "config", name["config-".Length..] + ".yaml"))
        );

        var named = Build()
            .Parameters.SelectMany(row => row.Source.Split("; "))
            .Where(source => source.StartsWith("config-", StringComparison.Ordinal))
            .ToList();

        named.Should().HaveCountGreaterThan(10);
        foreach (var source in named.Select(source => source.Split(": ")))
            files[source[0]].Should().Contain($"{source[1]}:");
    }

    [Test]
    public void A_parked_revision_says_that_its_pods_stay_and_why()
    {
        _world.PutPod("hello-00001-a", "hello-00001", "hello");
        _world.Scaling = new(
            true,
            null,
            null,
            Idle() with
            {
                Requested = 1,
                Reserve = Reserve("1 pod parked with requests of 20m CPU instead of 525m CPU.") with { Parked = 1 },
            }
        );

        var page = Build();

        page.Summary.Should().Be("1 pod ready, of which 1 parked: there is no traffic, and the first request wakes them.");
        Step(page, "Parked pods").Should().Be("1 of 1 parked: 1 pod parked with requests of 20m CPU instead of 525m CPU.");
        Step(page, "Requested from Kubernetes").Should().StartWith("1 pod: There is no traffic: parked pods stay instead of none");
        page.Parameters.Select(row => $"{row.Title}: {row.Result}")
            .Should()
            .Contain(["reserve-scale: 1", "reserve-after: 5m", "Size of a parked pod: 20m CPU"]);
    }

    [Test]
    public void The_last_pod_before_it_is_parked_is_on_its_way()
    {
        _world.Scaling = new(
            true,
            null,
            null,
            Idle() with
            {
                Requested = 1,
                Reserve = Reserve("1 pod is parked after 300s without requests."),
            }
        );

        var page = Build();

        Step(page, "Parked pods").Should().Be("0 of 1 parked: 1 pod is parked after 300s without requests.");
        Step(page, "Requested from Kubernetes").Should().Contain("the last pod stays until");
    }

    [Test]
    public void A_new_leader_explains_parked_pods_without_stats()
    {
        _world.Scaling = new(
            true,
            null,
            null,
            _world.Explanation() with
            {
                Wanted = 0,
                Requested = 1,
                Reserve = Reserve("1 pod parked.") with { Parked = 1 },
            }
        );

        var page = Build();

        page.Summary.Should().Contain("parked");
        page.Steps.Select(step => step.Title).Should().Equal("Load", "Parked pods", "Requested from Kubernetes");
    }

    [Test]
    public void Pods_in_reserve_explain_why_more_are_requested_than_wanted()
    {
        _world.Scaling = new(
            true,
            null,
            null,
            _world.Explanation(_world.Decision() with { DesiredPods = 1 }) with
            {
                Requested = 3,
                Reserve = Reserve("3 pods are parked after 300s without requests.") with { Scale = 3, Keeps = 3 },
            }
        );

        var page = Build();

        Step(page, "Parked pods").Should().StartWith("at least 3 pods: 3 pods stay when the revision is idle");
        Step(page, "Requested from Kubernetes").Should().StartWith("3 pods: 1 as decided, and 2 more: pods in reserve");
    }

    [Test]
    public void A_setting_that_forbids_parked_pods_is_named()
    {
        _world.Scaling = new(
            true,
            null,
            null,
            _world.Explanation(_world.Decision()) with
            {
                Reserve = Reserve("min-scale is 1, so that many pods stay at full size; remove it to park pods.") with { Keeps = 0 },
            }
        );

        var page = Build();

        Step(page, "Parked pods").Should().Be("none: min-scale is 1, so that many pods stay at full size; remove it to park pods.");
        Step(page, "Requested from Kubernetes").Should().Be("3 pods: As decided.");
    }

    [Test]
    public void Pods_that_take_no_more_requests_explain_those_that_stand_in_for_them()
    {
        _world.Scaling = new(
            true,
            null,
            null,
            _world.Explanation(_world.Decision() with { DesiredPods = 2 }) with
            {
                Requested = 3,
                MaxRequestsPerPod = 1,
                Finishing = 1,
            }
        );

        var page = Build();

        Step(page, "Pods that are replaced").Should().StartWith("1 pod finishing: A pod is replaced when it has served 1 request.");
        Step(page, "Requested from Kubernetes")
            .Should()
            .Be("3 pods: 2 as decided, and 1 more: in place of pods that take no more requests.");
        page.Parameters.Should().ContainSingle(row => row.Title == "max-requests-per-pod" && row.Result == "1");
    }

    private ScalingExplanation Idle() => _world.Explanation(_world.Decision() with { DesiredPods = 0 }) with { Bounded = 0, Wanted = 0 };

    private static ReserveExplanation Reserve(string message) =>
        new(1, 1, 0, TimeSpan.FromMinutes(5), "20m CPU", "525m CPU", "Awake", message);

    private static string Step(ScalingPage page, string title) =>
        page.Steps.Single(step => step.Title == title) is var step ? $"{step.Result}: {step.Why}" : "";

    private ScalingPage Build() => (ScalingPage)new ScalingBuilder(_world.Caches, _world, _world.Time).Build("default", "hello-00001");
}
