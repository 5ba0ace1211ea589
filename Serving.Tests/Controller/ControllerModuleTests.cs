using System.Net;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Conditions;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.ConfigMaps;
using Serving.Controller;
using Serving.Controller.Revisions.Digests;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Tests.Support;

namespace Serving.Tests.Controller;

/// <summary>The module as it runs: events move it, nobody calls reconcilers.</summary>
public sealed class ControllerModuleTests
{
    private InMemoryCluster _cluster = null!;
    private ConfigStore _config = null!;
    private CancellationTokenSource _stop = null!;
    private Task _running = null!;

    [SetUp]
    public void SetUp()
    {
        _cluster = new InMemoryCluster();
        var events = Substitute.For<IEventRecorder>();
        var environment = new ClusterEnvironment("knative-serving", "cluster.local", "pod", IPAddress.Loopback);
        PutConfig("config-deployment", ("queue-sidecar-image", "queue:1"));
        PutConfig("config-domain", ("example.com", ""));
        _config = new ConfigStore(_cluster, environment, NullLogger<ConfigStore>.Instance, events);
        var module = new ControllerModule(
            _cluster,
            Substitute.For<IResourceDiscovery>(),
            _config,
            environment,
            new UnresolvedDigests(),
            events,
            NullLoggerFactory.Instance,
            TimeProvider.System
        );
        _stop = new CancellationTokenSource();
        _running = module.RunAsync(_cluster, _stop.Token);
    }

    [TearDown]
    public async Task TearDown()
    {
        await _stop.CancelAsync();
        await _running;
        _config.Dispose();
        _stop.Dispose();
    }

    [Test]
    public async Task A_new_domain_moves_Routes_that_nothing_else_has_changed()
    {
        await CreateAsync();
        await Eventually.HoldsAsync(() => Route()!.Status.Url.Should().Be("http://hello.default.example.com"));

        PutConfig("config-domain", ("example.net", ""));

        await Eventually.HoldsAsync(() => Route()!.Status.Url.Should().Be("http://hello.default.example.net"));
    }

    [Test]
    public async Task Wildcard_certificates_follow_the_selector_of_namespaces()
    {
        _cluster.Put(
            Resources.Namespaces,
            new Namespace
            {
                Metadata = new ObjectMeta
                {
                    Name = "shop",
                    Labels = new Dictionary<string, string> { ["tls"] = "wildcard" },
                },
            }
        );
        _cluster.Put(Resources.Namespaces, new Namespace { Metadata = new ObjectMeta { Name = "plain" } });
        PutConfig("config-network", ("namespace-wildcard-cert-selector", "matchLabels: {tls: wildcard}"));
        await Eventually.HoldsAsync(() =>
            _cluster.All(Resources.Certificates).Select(certificate => certificate.Metadata.Name).Should().Equal("shop.example.com")
        );

        PutConfig("config-network", ("namespace-wildcard-cert-selector", "{}"));
        await Eventually.HoldsAsync(() => _cluster.All(Resources.Certificates).Should().HaveCount(2));
        PutConfig("config-network", ("namespace-wildcard-cert-selector", ""));
        await Eventually.HoldsAsync(() => _cluster.All(Resources.Certificates).Should().BeEmpty());
    }

    [Test]
    public async Task A_new_sidecar_image_is_rolled_out()
    {
        await CreateAsync();
        await Eventually.HoldsAsync(() => SidecarImage().Should().Be("queue:1"));

        PutConfig("config-deployment", ("queue-sidecar-image", "queue:2"));

        await Eventually.HoldsAsync(() => SidecarImage().Should().Be("queue:2"));
    }

    [Test]
    public async Task A_bad_configuration_changes_nothing()
    {
        await CreateAsync();
        await Eventually.HoldsAsync(() => SidecarImage().Should().Be("queue:1"));

        PutConfig("config-deployment", ("queue-sidecar-image", "queue:2"), ("progress-deadline", "never"));
        PutConfig("config-domain", ("example.net", ""));

        await Eventually.HoldsAsync(() => Route()!.Status.Url.Should().Be("http://hello.default.example.net"));
        SidecarImage().Should().Be("queue:1");
    }

    [Test]
    public async Task A_name_that_was_taken_is_used_as_soon_as_it_is_free()
    {
        _cluster.Put(
            Resources.Revisions,
            Samples.Revision("hello-blue") with
            {
                Metadata = new ObjectMeta { Name = "hello-blue", Namespace = Samples.Namespace },
            }
        );
        var service = Samples.Service();
        await CreateAsync(
            service with
            {
                Spec = service.Spec with { Template = service.Spec.Template with { Metadata = new ObjectMeta { Name = "hello-blue" } } },
            }
        );
        await Eventually.HoldsAsync(() =>
            ConditionSet
                .Get(Service().Status.Conditions, "RoutesReady")
                .Should()
                .BeEquivalentTo(
                    new
                    {
                        Status = "False",
                        Reason = "RevisionNameTaken",
                        Message = "The revision name \"hello-blue\" is taken by a conflicting Revision, so traffic will not be migrated",
                    }
                )
        );
        Route().Should().BeNull("traffic must not go to somebody else's Revision");
        ConditionSet
            .Get(Configuration()!.Status.Conditions, "Ready")
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "False",
                    Reason = "RevisionFailed",
                    Message = "Revision creation failed with message: revisions.serving.knative.dev \"hello-blue\" already exists. Nothing controls it: delete it, or choose another name.",
                }
            );

        await _cluster.DeleteAsync(Resources.Revisions, Samples.Namespace, "hello-blue", CancellationToken.None);

        await Eventually.HoldsAsync(() => Route().Should().NotBeNull());
        await Eventually.HoldsAsync(() => Configuration()!.Status.LatestCreatedRevisionName.Should().Be("hello-blue"));
        await Eventually.HoldsAsync(() =>
            ConditionSet.Get(Service().Status.Conditions, "RoutesReady")!.Reason.Should().NotBe("RevisionNameTaken")
        );
    }

    [Test]
    public async Task A_Deployment_that_somebody_deletes_comes_back()
    {
        await CreateAsync();
        await Eventually.HoldsAsync(() => _cluster.All(Resources.Deployments).Should().ContainSingle());

        await _cluster.DeleteAsync(Resources.Deployments, Samples.Namespace, "hello-00001-deployment", CancellationToken.None);

        await Eventually.HoldsAsync(() => _cluster.All(Resources.Deployments).Should().ContainSingle());
    }

    [Test]
    public async Task A_domain_that_is_given_back_goes_to_the_mapping_that_waits()
    {
        PutConfig("config-network", ("autocreate-cluster-domain-claims", "true"));
        await CreateMappingAsync(Samples.Namespace);
        await Eventually.HoldsAsync(() => Claimed(Samples.Namespace).Should().Be("True"));
        await CreateMappingAsync("other");
        await Eventually.HoldsAsync(() => Claimed("other").Should().Be("False"));

        await _cluster.DeleteAsync(Resources.DomainMappings, Samples.Namespace, "shop.example.org", CancellationToken.None);

        await Eventually.HoldsAsync(() => Claimed("other").Should().Be("True"));
        _cluster.Find(Resources.ClusterDomainClaims, null, "shop.example.org")!.Spec.Namespace.Should().Be("other");
    }

    private Task CreateMappingAsync(string ns) =>
        _cluster.CreateAsync(
            Resources.DomainMappings,
            new DomainMapping
            {
                ApiVersion = Resources.DomainMappings.ApiVersion,
                Kind = Resources.DomainMappings.Kind,
                Metadata = new ObjectMeta { Name = "shop.example.org", Namespace = ns },
                Spec = new DomainMappingSpec
                {
                    Ref = new ObjectReference
                    {
                        ApiVersion = "serving.knative.dev/v1",
                        Kind = "Service",
                        Name = "hello",
                    },
                },
            },
            CancellationToken.None
        );

    private string? Claimed(string ns) =>
        ConditionSet.Get(_cluster.Find(Resources.DomainMappings, ns, "shop.example.org")!.Status.Conditions, "DomainClaimed")?.Status;

    private Task CreateAsync(Service? service = null) =>
        _cluster.CreateAsync(Resources.KnativeServices, service ?? Samples.Service(), CancellationToken.None);

    private Service Service() => _cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello")!;

    private Route? Route() => _cluster.Find(Resources.Routes, Samples.Namespace, "hello");

    private Configuration? Configuration() => _cluster.Find(Resources.Configurations, Samples.Namespace, "hello");

    private string? SidecarImage() =>
        _cluster
            .All(Resources.Deployments)
            .SingleOrDefault()
            ?.Spec!.Template!.Spec!.Containers.Single(container => container.Name == "queue-proxy")
            .Image;

    private void PutConfig(string name, params (string Key, string Value)[] data) =>
        _cluster.Put(
            Resources.ConfigMaps,
            new ConfigMap
            {
                ApiVersion = "v1",
                Kind = "ConfigMap",
                Metadata = new ObjectMeta { Namespace = "knative-serving", Name = name },
                Data = data.ToDictionary(entry => entry.Key, entry => entry.Value),
            }
        );
}
