using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Conditions;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Controller.Routes;

namespace Serving.Tests.Controller;

public sealed class FromServiceToReadyTests
{
    private ReconcilingCluster _world = null!;

    [SetUp]
    public void SetUp() => _world = new ReconcilingCluster();

    [Test]
    public async Task A_Service_gets_its_Configuration_Route_and_first_Revision()
    {
        _world.Cluster.Put(Resources.KnativeServices, Samples.Service());

        await _world.SettleAsync();

        var configuration = _world.Cluster.Find(Resources.Configurations, Samples.Namespace, "hello")!;
        configuration.Metadata.Labels.Should().Contain("team", "a").And.Contain(ServingKeys.Service, "hello");
        configuration
            .Metadata.Annotations.Should()
            .Contain(ServingKeys.Routes, "hello")
            .And.NotContainKey(ServingKeys.RolloutDuration.Key)
            .And.NotContainKey("kubectl.kubernetes.io/last-applied-configuration");
        _world.Cluster.Find(Resources.Routes, Samples.Namespace, "hello")!.Spec.Traffic[0].ConfigurationName.Should().Be("hello");
        var revision = _world.Cluster.Find(Resources.Revisions, Samples.Namespace, "hello-00001")!;
        revision
            .Metadata.Labels.Should()
            .Contain(ServingKeys.ConfigurationGeneration, "1")
            .And.Contain(ServingKeys.Configuration, "hello")
            .And.Contain(ServingKeys.RoutingState, "active");
        revision.Metadata.Annotations.Should().Contain(ServingKeys.Creator, "me");
    }

    [Test]
    public async Task A_Revision_gets_its_Deployment_PodAutoscaler_and_Image()
    {
        _world.Cluster.Put(Resources.KnativeServices, Samples.Service());

        await _world.SettleAsync();

        _world.Cluster.Find(Resources.Deployments, Samples.Namespace, "hello-00001-deployment").Should().NotBeNull();
        _world.Cluster.Find(Resources.PodAutoscalers, Samples.Namespace, "hello-00001")!.Spec.Reachability.Should().Be("Reachable");
        _world.Cluster.Find(Resources.Images, Samples.Namespace, "hello-00001-cache-user-container")!.Spec.Reference.Should().Be("app:1");
    }

    [Test]
    public async Task A_Service_becomes_ready_when_pods_and_Ingress_are()
    {
        _world.Cluster.Put(Resources.KnativeServices, Samples.Service());
        await ServeAsync("hello-00001");

        var service = _world.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello")!;
        service.IsReady().Should().BeTrue(string.Join('\n', service.Status.Conditions));
        service.Status.Url.Should().Be("http://hello.default.example.com");
        service.Status.Address!.Url.Should().Be("http://hello.default.svc.cluster.local");
        service.Status.LatestReadyRevisionName.Should().Be("hello-00001");
        service
            .Status.Traffic.Should()
            .ContainSingle()
            .Which.Should()
            .BeEquivalentTo(
                new
                {
                    RevisionName = "hello-00001",
                    ConfigurationName = "",
                    LatestRevision = true,
                    Percent = 100L,
                }
            );
        var placeholder = _world.Cluster.Find(Resources.Services, Samples.Namespace, "hello")!;
        placeholder.Spec!.ExternalName.Should().Be("gateway.knative-serving.svc.cluster.local");
    }

    [Test]
    public async Task Traffic_is_split_and_tags_get_hosts_of_their_own()
    {
        _world.Cluster.Put(Resources.KnativeServices, Samples.Service());
        await ServeAsync("hello-00001");
        var service = _world.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello")!;
        await _world.Cluster.UpdateAsync(
            Resources.KnativeServices,
            service with
            {
                Spec = new ServiceSpec
                {
                    Template = Samples.Template("app:2"),
                    Traffic =
                    [
                        new TrafficTarget { LatestRevision = true, Percent = 50 },
                        new TrafficTarget
                        {
                            RevisionName = "hello-00001",
                            LatestRevision = false,
                            Percent = 50,
                            Tag = "old",
                        },
                    ],
                },
            },
            CancellationToken.None
        );

        await ServeAsync("hello-00002");

        service = _world.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello")!;
        service.IsReady().Should().BeTrue(string.Join('\n', service.Status.Conditions));
        service.Status.Traffic.Single(target => target.Tag == "old").Url.Should().Be("http://old-hello.default.example.com");
        var rules = _world.Cluster.Find(Resources.Ingresses, Samples.Namespace, "hello")!.Spec.Rules;
        rules
            .Select(rule => (rule.Visibility, string.Join(' ', rule.Hosts)))
            .Should()
            .Equal(
                ("ClusterLocal", "hello.default hello.default.svc hello.default.svc.cluster.local"),
                ("ExternalIP", "hello.default.example.com"),
                ("ClusterLocal", "old-hello.default old-hello.default.svc old-hello.default.svc.cluster.local"),
                ("ExternalIP", "old-hello.default.example.com")
            );
        rules[1]
            .Http!.Paths[0]
            .Splits.Select(split => (split.ServiceName, split.Percent))
            .Should()
            .Equal(("hello-00002", 50), ("hello-00001", 50));
        rules[1]
            .Http!.Paths[0]
            .Splits[0]
            .AppendHeaders.Should()
            .Contain("Knative-Serving-Revision", "hello-00002")
            .And.Contain("Knative-Serving-Namespace", "default");
        _world.Cluster.Find(Resources.Services, Samples.Namespace, "old-hello").Should().NotBeNull();
    }

    [Test]
    public async Task A_crash_is_reported_at_once_up_to_the_Service()
    {
        _world.Cluster.Put(Resources.KnativeServices, Samples.Service());
        await _world.SettleAsync();
        var revision = _world.Cluster.Find(Resources.Revisions, Samples.Namespace, "hello-00001")!;
        _world.Cluster.Put(
            Resources.Pods,
            new Pod
            {
                ApiVersion = "v1",
                Kind = "Pod",
                Metadata = new ObjectMeta
                {
                    Name = "p",
                    Namespace = Samples.Namespace,
                    Labels = new Dictionary<string, string> { [ServingKeys.RevisionUid] = revision.Metadata.Uid },
                },
                Status = new PodStatus
                {
                    ContainerStatuses =
                    [
                        new ContainerStatus
                        {
                            Name = "user-container",
                            LastState = new ContainerState
                            {
                                Terminated = new ContainerStateTerminated { ExitCode = 5, Message = "I failed man!" },
                            },
                        },
                    ],
                },
            }
        );

        await _world.SettleAsync();

        var service = _world.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello")!;
        ConditionSet
            .Get(service.Status.Conditions, "ConfigurationsReady")
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "False",
                    Reason = "RevisionFailed",
                    Message = "Revision \"hello-00001\" failed with message: Container failed with: I failed man!.",
                }
            );
        ConditionSet
            .Get(service.Status.Conditions, "RoutesReady")!
            .Message.Should()
            .Be("Configuration \"hello\" does not have any ready Revision.");
    }

    [Test]
    public async Task A_Route_that_is_pinned_to_a_Revision_takes_it_when_it_comes()
    {
        _world.Cluster.Put(
            Resources.Routes,
            new Route
            {
                ApiVersion = Resources.Routes.ApiVersion,
                Kind = "Route",
                Metadata = new ObjectMeta { Name = "pinned", Namespace = Samples.Namespace },
                Spec = new RouteSpec { Traffic = [new TrafficTarget { RevisionName = "hello-00001", Percent = 100 }] },
            }
        );
        await _world.SettleAsync();
        Assigned()
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "False",
                    Reason = "RevisionMissing",
                    Message = "Revision \"hello-00001\" referenced in traffic not found.",
                }
            );

        _world.Cluster.Put(Resources.KnativeServices, Samples.Service());
        await _world.SettleAsync();
        Assigned()
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "Unknown",
                    Reason = "RevisionMissing",
                    Message = "Revision \"hello-00001\" is not yet ready.",
                }
            );
        _world
            .Cluster.Find(Resources.Revisions, Samples.Namespace, "hello-00001")!
            .Metadata.Annotations[ServingKeys.Routes]
            .Should()
            .Be("hello,pinned");

        _world.MakeReady("hello-00001");
        await _world.SettleAsync();
        _world.MakeIngressReady("pinned");
        await _world.SettleAsync();

        _world.Cluster.Find(Resources.Routes, Samples.Namespace, "pinned")!.IsReady().Should().BeTrue();

        Condition Assigned() =>
            ConditionSet.Get(_world.Cluster.Find(Resources.Routes, Samples.Namespace, "pinned")!.Status.Conditions, "AllTrafficAssigned")!;
    }

    [TestCase("123", "hello.123.svc hello.123.svc.cluster.local")]
    [TestCase("1a3", "hello.1a3 hello.1a3.svc hello.1a3.svc.cluster.local")]
    [TestCase("1-3", "hello.1-3 hello.1-3.svc hello.1-3.svc.cluster.local")]
    public void A_namespace_of_digits_only_has_no_short_names(string ns, string hosts) =>
        new RouteDomains(new ObjectMeta { Name = "hello", Namespace = ns }, Samples.Config, "cluster.local")
            .Expand($"hello.{ns}.svc.cluster.local")
            .Should()
            .Equal(hosts.Split(' '));

    [Test]
    public async Task A_settled_world_is_written_to_no_more()
    {
        _world.Cluster.Put(Resources.KnativeServices, Samples.Service());
        await ServeAsync("hello-00001");
        _world.Cluster.ForgetWrites();

        await _world.SettleAsync();

        _world.Cluster.Writes.Should().BeEmpty();
    }

    [Test]
    public async Task Revisions_out_of_use_become_reserve()
    {
        _world.Cluster.Put(Resources.KnativeServices, Samples.Service());
        await ServeAsync("hello-00001");
        var service = _world.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello")!;
        await _world.Cluster.UpdateAsync(
            Resources.KnativeServices,
            service with
            {
                Spec = service.Spec with { Template = Samples.Template("app:2") },
            },
            CancellationToken.None
        );

        await ServeAsync("hello-00002");

        var old = _world.Cluster.Find(Resources.Revisions, Samples.Namespace, "hello-00001")!;
        old.Metadata.Labels.Should().Contain(ServingKeys.RoutingState, "reserve");
        old.Metadata.Annotations.Should().NotContainKey(ServingKeys.Routes);
        _world.Cluster.Find(Resources.PodAutoscalers, Samples.Namespace, "hello-00001")!.Spec.Reachability.Should().Be("Unreachable");
    }

    [Test]
    public async Task A_gradual_rollout_begins_with_one_percent()
    {
        _world.Config = _world.Config with { Network = _world.Config.Network with { RolloutDuration = 100 } };
        _world.Cluster.Put(Resources.KnativeServices, Samples.Service());
        await ServeAsync("hello-00001");
        var service = _world.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello")!;
        await _world.Cluster.UpdateAsync(
            Resources.KnativeServices,
            service with
            {
                Spec = service.Spec with { Template = Samples.Template("app:2") },
            },
            CancellationToken.None
        );
        await _world.SettleAsync();

        _world.MakeReady("hello-00002");
        await _world.SettleAsync();

        var ingress = _world.Cluster.Find(Resources.Ingresses, Samples.Namespace, "hello")!;
        ingress
            .Spec.Rules[1]
            .Http!.Paths[0]
            .Splits.Select(split => (split.ServiceName, split.Percent))
            .Should()
            .Equal(("hello-00001", 99), ("hello-00002", 1));
        ConditionSet
            .Get(_world.Cluster.Find(Resources.Routes, Samples.Namespace, "hello")!.Status.Conditions, "IngressReady")!
            .Reason.Should()
            .Be("RolloutInProgress");
    }

    private async Task ServeAsync(string revision)
    {
        await _world.SettleAsync();
        _world.MakeReady(revision);
        await _world.SettleAsync();
        _world.MakeIngressReady("hello");
        await _world.SettleAsync();
    }
}
