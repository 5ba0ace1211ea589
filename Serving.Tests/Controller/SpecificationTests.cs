using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Conditions;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Controller.Revisions.Resources;

namespace Serving.Tests.Controller;

/// <summary>What the public suites check and what is decided by the reconcilers alone; docs/conformance.md has the whole list.</summary>
public sealed class SpecificationTests
{
    private ReconcilingCluster _world = null!;

    [SetUp]
    public void SetUp() => _world = new ReconcilingCluster();

    [Test]
    public async Task Annotations_and_labels_go_down_as_far_as_they_should()
    {
        var service = Samples.Service();
        _world.Cluster.Put(
            Resources.KnativeServices,
            service with
            {
                Metadata = service.Metadata with { Annotations = new Dictionary<string, string> { ["of-service"] = "1" } },
                Spec = service.Spec with
                {
                    Template = service.Spec.Template with
                    {
                        Metadata = new ObjectMeta
                        {
                            Labels = new Dictionary<string, string> { ["label-x"] = "abc" },
                            Annotations = new Dictionary<string, string> { ["annotation-a"] = "123" },
                        },
                    },
                },
            }
        );

        await ServeAsync("hello-00001");

        var (configuration, route, revision) = (Configuration(), Route(), Revision("hello-00001"));
        configuration.Metadata.Annotations.Should().Contain("of-service", "1");
        route.Metadata.Annotations.Should().Contain("of-service", "1");
        configuration.Metadata.Labels.Should().Contain(ServingKeys.Service, "hello");
        route.Metadata.Labels.Should().Contain(ServingKeys.Service, "hello");
        revision
            .Metadata.Labels.Should()
            .Contain("label-x", "abc")
            .And.Contain(ServingKeys.Service, "hello")
            .And.Contain(ServingKeys.Configuration, "hello");
        revision.Metadata.Annotations.Should().Contain("annotation-a", "123").And.NotContainKey("of-service");
    }

    [Test]
    public async Task Every_change_of_the_template_is_a_Revision_with_the_next_generation()
    {
        _world.Cluster.Put(Resources.KnativeServices, Samples.Service());
        await ServeAsync("hello-00001");
        await ChangeTemplateAsync(template => template with { Spec = Samples.Template("app:2").Spec }, "hello-00002");
        await ChangeTemplateAsync(
            template => template with { Metadata = new ObjectMeta { Labels = new Dictionary<string, string> { ["label-x"] = "abc" } } },
            "hello-00003"
        );
        await ChangeTemplateAsync(
            template =>
                template with
                {
                    Metadata = new ObjectMeta { Annotations = new Dictionary<string, string> { ["annotation-a"] = "123" } },
                },
            "hello-00004"
        );

        var service = Service();
        service.IsReady().Should().BeTrue();
        service.Status.LatestCreatedRevisionName.Should().Be("hello-00004");
        service.Status.LatestReadyRevisionName.Should().Be("hello-00004");
        Revision("hello-00004").Metadata.Labels.Should().Contain(ServingKeys.ConfigurationGeneration, "4");
    }

    [Test]
    public async Task Metadata_of_the_Configuration_makes_no_Revision()
    {
        _world.Cluster.Put(Resources.Configurations, OwnConfiguration());
        await _world.SettleAsync();
        _world.MakeReady("mine-00001");
        await _world.SettleAsync();
        var configuration = _world.Cluster.Find(Resources.Configurations, Samples.Namespace, "mine")!;

        await _world.Cluster.UpdateAsync(
            Resources.Configurations,
            configuration with
            {
                Metadata = configuration.Metadata with
                {
                    Labels = new Dictionary<string, string> { ["label-x"] = "abc" },
                    Annotations = new Dictionary<string, string> { ["annotation-a"] = "123" },
                },
            },
            CancellationToken.None
        );
        await _world.SettleAsync();

        _world.Cluster.All(Resources.Revisions).Should().ContainSingle();
        Revision("mine-00001").Metadata.Labels.Should().NotContainKey("label-x");
        Revision("mine-00001").Metadata.Annotations.Should().NotContainKey("annotation-a");
    }

    [Test]
    public async Task A_Route_on_its_own_follows_its_Configuration()
    {
        _world.Cluster.Put(Resources.Configurations, OwnConfiguration());
        _world.Cluster.Put(
            Resources.Routes,
            new Route
            {
                ApiVersion = Resources.Routes.ApiVersion,
                Kind = Resources.Routes.Kind,
                Metadata = new ObjectMeta { Name = "way", Namespace = Samples.Namespace },
                Spec = new RouteSpec { Traffic = [new TrafficTarget { ConfigurationName = "mine", Percent = 100 }] },
            }
        );
        await _world.SettleAsync();
        _world.MakeReady("mine-00001");
        await _world.SettleAsync();
        _world.MakeIngressReady("way");
        await _world.SettleAsync();
        var route = _world.Cluster.Find(Resources.Routes, Samples.Namespace, "way")!;
        ConditionSet.IsTrue(route.Status.Conditions, "Ready").Should().BeTrue();
        route.Status.Traffic.Single().RevisionName.Should().Be("mine-00001");

        var configuration = _world.Cluster.Find(Resources.Configurations, Samples.Namespace, "mine")!;
        await _world.Cluster.UpdateAsync(
            Resources.Configurations,
            configuration with
            {
                Spec = new ConfigurationSpec { Template = Samples.Template("app:2") },
            },
            CancellationToken.None
        );
        await _world.SettleAsync();
        _world.MakeReady("mine-00002");
        await _world.SettleAsync();

        _world.Cluster.Find(Resources.Routes, Samples.Namespace, "way")!.Status.Traffic.Single().RevisionName.Should().Be("mine-00002");
    }

    [Test]
    public async Task A_Revision_may_have_a_name_of_its_users_choice()
    {
        var service = Samples.Service();
        _world.Cluster.Put(
            Resources.KnativeServices,
            service with
            {
                Spec = service.Spec with { Template = service.Spec.Template with { Metadata = new ObjectMeta { Name = "hello-byoname" } } },
            }
        );

        await ServeAsync("hello-byoname");

        Service().IsReady().Should().BeTrue();
        Service().Status.LatestReadyRevisionName.Should().Be("hello-byoname");
        Revision("hello-byoname").Metadata.Labels.Should().Contain(ServingKeys.ConfigurationGeneration, "1");
    }

    [Test]
    public async Task Traffic_to_a_pinned_Revision_stays_while_a_candidate_is_tried_under_a_tag()
    {
        _world.Cluster.Put(Resources.KnativeServices, Samples.Service());
        await ServeAsync("hello-00001");
        await ChangeAsync(service =>
            service with
            {
                Spec = service.Spec with
                {
                    Traffic =
                    [
                        new TrafficTarget
                        {
                            Tag = "current",
                            RevisionName = "hello-00001",
                            LatestRevision = false,
                            Percent = 100,
                        },
                        new TrafficTarget { Tag = "latest", LatestRevision = true },
                    ],
                },
            }
        );
        _world.MakeIngressReady("hello");
        await _world.SettleAsync();

        await ChangeTemplateAsync(_ => Samples.Template("app:2"), "hello-00002");

        Service().IsReady().Should().BeTrue();
        Service()
            .Status.Traffic.Select(target => (target.Tag, target.RevisionName, target.LatestRevision, target.Percent ?? 0))
            .Should()
            .Equal(("current", "hello-00001", false, 100), ("latest", "hello-00002", true, 0));
        Service()
            .Status.Traffic.Select(target => target.Url)
            .Should()
            .Equal("http://current-hello.default.example.com", "http://latest-hello.default.example.com");
    }

    [Test]
    public async Task Traffic_to_a_Revision_that_does_not_exist_is_said()
    {
        var service = Samples.Service();
        _world.Cluster.Put(
            Resources.KnativeServices,
            service with
            {
                Spec = service.Spec with
                {
                    Traffic =
                    [
                        new TrafficTarget
                        {
                            RevisionName = "hello-gone",
                            LatestRevision = false,
                            Percent = 100,
                        },
                    ],
                },
            }
        );

        await _world.SettleAsync();

        ConditionSet
            .Get(Service().Status.Conditions, "RoutesReady")
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "False",
                    Reason = "RevisionMissing",
                    Message = "Revision \"hello-gone\" referenced in traffic not found.",
                }
            );
    }

    [Test]
    public void What_the_user_says_of_a_container_reaches_the_pod()
    {
        var revision = Samples.Revision();
        var container = revision.Spec.Containers[0] with
        {
            Command = ["/bin/app"],
            Args = ["--x"],
            WorkingDir = "/work",
            Env =
            [
                new EnvVar
                {
                    Name = "A",
                    ValueFrom = new EnvVarSource
                    {
                        SecretKeyRef = new KeySelector { Name = "s", Key = "k" },
                    },
                },
            ],
            EnvFrom = [new EnvFromSource { ConfigMapRef = new EnvFromReference { Name = "c" } }],
            Resources = new ResourceRequirements
            {
                Limits = new Dictionary<string, Quantity> { ["memory"] = new("350Mi") },
                Requests = new Dictionary<string, Quantity> { ["cpu"] = new("50m") },
            },
            SecurityContext = new SecurityContext { RunAsUser = 65532 },
            LivenessProbe = new Probe
            {
                HttpGet = new HttpGetAction { Path = "/healthz" },
                PeriodSeconds = 10,
            },
            VolumeMounts =
            [
                new VolumeMount
                {
                    Name = "v",
                    MountPath = "/v",
                    ReadOnly = true,
                },
            ],
        };
        revision = revision with
        {
            Spec = revision.Spec with
            {
                ServiceAccountName = "builder",
                Containers = [container],
                Volumes =
                [
                    new Volume
                    {
                        Name = "v",
                        Secret = new SecretVolumeSource { SecretName = "s" },
                    },
                ],
            },
        };

        var pod = DeploymentMaker.Make(revision, Samples.Config, "knative-serving").Spec!.Template!.Spec!;

        pod.ServiceAccountName.Should().Be("builder");
        pod.Volumes.Should().ContainSingle(volume => volume.Name == "v").Which.Secret!.SecretName.Should().Be("s");
        var made = pod.Containers[0];
        made.Should()
            .BeEquivalentTo(
                container,
                options =>
                    options
                        .Including(value => value.Command)
                        .Including(value => value.Args)
                        .Including(value => value.WorkingDir)
                        .Including(value => value.EnvFrom)
                        .Including(value => value.Resources)
                        .Including(value => value.SecurityContext)
                        .Including(value => value.VolumeMounts)
            );
        made.Env[0].Should().BeEquivalentTo(container.Env[0]);
        made.LivenessProbe!.HttpGet!.Port.Should().Be((IntOrString)8080);
    }

    private static Configuration OwnConfiguration() =>
        new()
        {
            ApiVersion = Resources.Configurations.ApiVersion,
            Kind = Resources.Configurations.Kind,
            Metadata = new ObjectMeta { Name = "mine", Namespace = Samples.Namespace },
            Spec = new ConfigurationSpec { Template = Samples.Template() },
        };

    private Service Service() => _world.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello")!;

    private Configuration Configuration() => _world.Cluster.Find(Resources.Configurations, Samples.Namespace, "hello")!;

    private Route Route() => _world.Cluster.Find(Resources.Routes, Samples.Namespace, "hello")!;

    private Revision Revision(string name) => _world.Cluster.Find(Resources.Revisions, Samples.Namespace, name)!;

    private async Task ChangeAsync(Func<Service, Service> change)
    {
        await _world.Cluster.UpdateAsync(Resources.KnativeServices, change(Service()), CancellationToken.None);
        await _world.SettleAsync();
    }

    private async Task ChangeTemplateAsync(Func<RevisionTemplateSpec, RevisionTemplateSpec> change, string revision)
    {
        await ChangeAsync(service => service with { Spec = service.Spec with { Template = change(service.Spec.Template) } });
        await ServeAsync(revision);
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
