using System.Net;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Autoscaler;
using Serving.Autoscaler.Collection;
using Serving.Autoscaler.Reconcilers;
using Serving.ConfigMaps;
using Serving.Dataplane.Inspection;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Tests.Autoscaler.Reserve;
using Serving.Tests.Support;

namespace Serving.Tests.Autoscaler;

/// <summary>
/// The exported number of requested pods is that of the Deployment, which features keep above the desired scale. An alert compares it with
/// the pods that are ready, so a difference must mean that pods are missing.
/// </summary>
public sealed class RequestedPodsTests
{
    private static readonly ObjectKey Key = new("ns", "rev");

    [Test]
    public async Task Parked_pods_were_requested_though_none_is_desired()
    {
        var world = new ReserveWorld();
        world.Annotate((ReserveKeys.Scale, "2"));

        await world.BecomeIdleAsync();

        var row = world.Board.Find(Key)!;
        row.Requested.Should().Be(2);
        row.Counts.Should().BeEquivalentTo(new { Ready = 2, Parked = 2 });
        row.Wanted.Should().Be(0);
        world.Status.DesiredScale.Should().Be(0);
        world.Mode.Should().Be("Proxy");
    }

    [Test]
    public async Task Pods_in_reserve_of_an_awake_revision_were_requested()
    {
        var world = new ReserveWorld();
        world.Annotate((ReserveKeys.Scale, "3"));

        await world.BecomeActiveAsync();

        var row = world.Board.Find(Key)!;
        row.Requested.Should().Be(3);
        row.Counts.Ready.Should().Be(3);
        row.Wanted.Should().Be(1);
        world.Status.DesiredScale.Should().Be(1);
    }

    [Test]
    public async Task Pods_in_place_of_those_that_take_no_more_requests_were_requested()
    {
        var world = new AutoscalerWorld();
        world.Settings((ReserveKeys.MaxRequestsPerPod, "1"), ("autoscaling.knative.dev/min-scale", "2"));
        world.Measured = (0, 0);
        await world.RunToReadyAsync();
        world.Board.Find(Key)!.Should().BeEquivalentTo(new { Requested = 2, Counts = new { Finishing = 0 } });

        await world.OccupyAsync(1);
        await world.PassAsync();

        var row = world.Board.Find(Key)!;
        row.Should().BeEquivalentTo(new { Requested = 3, Counts = new { Finishing = 1 } }, "the pod that finishes is not ready");
        row.Wanted.Should().Be(2);
        world.Status.DesiredScale.Should().Be(2);
    }

    [Test]
    public async Task A_new_leader_knows_what_was_requested_before_it_has_stats()
    {
        var world = new ReserveWorld();
        await world.BecomeActiveAsync();
        world.Measured = null;
        world.Restart();

        await world.PassAsync();

        world.Board.Find(Key)!.Should().BeEquivalentTo(new { Requested = 1, Wanted = (int?)null });
    }

    [Test]
    public async Task A_scale_that_the_API_server_rejects_was_not_requested()
    {
        var world = new AutoscalerWorld { Measured = (1, 1) };
        await world.RunToReadyAsync();
        world.Cluster.FailNext(
            static request => request is { Verb: "patch", Plural: "deployments" },
            new KubernetesException(
                "patch deployments",
                new Status
                {
                    Code = 403,
                    Reason = "Forbidden",
                    Message = "refused",
                }
            )
        );
        world.Measured = (700, 700);

        await world.TryPassAsync();

        world.Board.Find(Key)!.Should().BeEquivalentTo(new { Requested = 1, Wanted = 10 });
    }

    [Test]
    public void The_explanation_has_the_settings_and_the_pods_of_both_features()
    {
        var cluster = new InMemoryCluster();
        using var config = Config(cluster);
        using var scraper = Scraper(cluster, config);
        var shard = Shard(cluster, config, scraper);
        var autoscaler = new PodAutoscaler
        {
            Metadata = new ObjectMeta
            {
                Namespace = "ns",
                Name = "rev",
                Annotations = new Dictionary<string, string>
                {
                    [ReserveKeys.Scale] = "2",
                    [ReserveKeys.After] = "5m",
                    [ReserveKeys.MaxRequestsPerPod] = "3",
                },
            },
            Spec = new PodAutoscalerSpec
            {
                Reachability = "Reachable",
                ScaleTargetRef = new ObjectReference { Kind = "Deployment", Name = "rev-deployment" },
            },
            Status = PodAutoscalerLifecycle.MarkParked(
                new PodAutoscalerStatus(),
                "True",
                "Parked",
                "2 pods parked.",
                DateTimeOffset.UnixEpoch
            ),
        };
        cluster.Put(Resources.PodAutoscalers, autoscaler);
        cluster.Put(
            Resources.Deployments,
            new Deployment
            {
                Metadata = new ObjectMeta { Namespace = "ns", Name = "rev-deployment" },
                Spec = new DeploymentSpec
                {
                    Replicas = 2,
                    Template = new PodTemplateSpec { Spec = ReserveWorld.Template("500m", "128Mi") },
                },
            }
        );
        shard.Deciders.Ensure(Key, new AutoscalerSettings(autoscaler, config.Current.Autoscaler).ToDeciderSpec());
        shard.Board.Note(autoscaler, 0, 2, new PodCounts(2, 0, 0, 0, 2, 1));

        var explanation = shard.Explain(Key)!;

        explanation
            .Reserve.Should()
            .Be(new ReserveExplanation(2, 2, 2, TimeSpan.FromMinutes(5), "20m CPU", "525m CPU", "Parked", "2 pods parked."));
        explanation
            .Should()
            .BeEquivalentTo(
                new
                {
                    Wanted = 0,
                    Requested = 2,
                    MaxRequestsPerPod = 3,
                    Finishing = 1,
                }
            );

        cluster.Put(
            Resources.PodAutoscalers,
            autoscaler with
            {
                Metadata = autoscaler.Metadata with
                {
                    Annotations = new Dictionary<string, string> { [ReserveKeys.Scale] = "2", ["autoscaling.knative.dev/min-scale"] = "1" },
                },
            }
        );
        shard.Explain(Key)!.Reserve.Should().BeEquivalentTo(new { Keeps = 0, Reason = "MinScale" });
    }

    [Test]
    public void Only_what_is_known_has_a_series()
    {
        using var metrics = new CollectedMetrics(AutoscalerMetrics.MeterName);
        var cluster = new InMemoryCluster();
        using var config = Config(cluster);
        using var scraper = Scraper(cluster, config);
        var shard = Shard(cluster, config, scraper);
        using var exported = new AutoscalerMetrics(() => [shard]);
        Note("unknown", null, null);
        Note("ordinary", 4, null);
        Note("ephemeral", 5, 1);

        metrics
            .Collect()
            .Where(static one => one.Key.Contains("=requested-pods,", StringComparison.Ordinal))
            .Where(static one =>
                one.Key.Contains("requested{", StringComparison.Ordinal) || one.Key.Contains("finishing{", StringComparison.Ordinal)
            )
            .Select(static one => $"{one.Key[..one.Key.IndexOf('{')]} {one.Key.Split("kn.revision.name=")[1].Split(',')[0]} {one.Value}")
            .Should()
            .BeEquivalentTo(
                "kn.revision.pods.requested ordinary 4",
                "kn.revision.pods.requested ephemeral 5",
                "serving.autoscaler.pods.finishing ephemeral 1"
            );

        void Note(string name, int? requested, int? finishing) =>
            shard.Board.Note(
                new PodAutoscaler
                {
                    Metadata = new ObjectMeta { Namespace = "requested-pods", Name = name },
                },
                -1,
                requested,
                new PodCounts(1, 0, 0, 0, 0, finishing)
            );
    }

    private static ConfigStore Config(InMemoryCluster cluster) =>
        new(
            cluster,
            new ClusterEnvironment("knative-serving", "cluster.local", "serving-0", IPAddress.Loopback),
            NullLogger<ConfigStore>.Instance,
            Substitute.For<IEventRecorder>()
        );

    private static PodScraper Scraper(InMemoryCluster cluster, ConfigStore config) =>
        new(new AutoscalerInformers(cluster).Pods.Lister, () => config.Current.Network, TimeProvider.System);

    private static AutoscalerShard Shard(InMemoryCluster cluster, ConfigStore config, PodScraper scraper) =>
        new(
            Serving.Kubernetes.Hosting.Shard.Whole,
            new AutoscalerInformers(cluster),
            config,
            scraper,
            Substitute.For<IEventRecorder>(),
            NullLogger.Instance,
            TimeProvider.System,
            static _ => Task.FromResult(true)
        );
}
