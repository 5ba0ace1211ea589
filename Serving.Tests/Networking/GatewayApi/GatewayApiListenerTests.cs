using FluentAssertions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.GatewayApi;
using Serving.Api.Networking;
using Serving.Kubernetes.Client;
using static Serving.Tests.Networking.GatewayApi.GatewayApiWorld;

namespace Serving.Tests.Networking.GatewayApi;

/// <summary>The certificates of an Ingress: listeners of Gateways that belong to somebody else, grants, and what is served without
/// HTTPS.</summary>
public sealed class GatewayApiListenerTests
{
    private GatewayApiWorld _world = null!;

    [SetUp]
    public void Create() => _world = new GatewayApiWorld();

    [TearDown]
    public void Delete() => _world.Dispose();

    [Test]
    public async Task Certificates_become_listeners_and_grants_that_go_with_them()
    {
        var gateway = _world.Config.ExternalGateway.Gateway;
        _world.Put(WithTls("route-hello"));
        await _world.SettleAsync();
        _world.Gateway(gateway).Spec.Listeners.Select(static listener => listener.Name).Should().Equal("http", $"kni-{Uid}");
        _world.Cluster.All(GatewayApiResources.ReferenceGrants).Single().Metadata.Name.Should().Be("hello-route-hello-istio-system");

        _world.Put(WithTls("renewed"));
        await _world.SettleAsync();
        _world.Gateway(gateway).Spec.Listeners[1].Tls!.CertificateRefs.Single().Name.Should().Be("renewed");
        _world.Cluster.All(GatewayApiResources.ReferenceGrants).Single().Spec.To.Single().Name.Should().Be("renewed");

        _world.Put(External("one"));
        await _world.SettleAsync();
        _world.Gateway(gateway).Spec.Listeners.Select(static listener => listener.Name).Should().Equal("http");
        _world.Cluster.All(GatewayApiResources.ReferenceGrants).Should().BeEmpty();
    }

    [Test]
    public async Task Listeners_follow_the_configuration_to_another_Gateway()
    {
        _world.Put(WithTls("route-hello"));
        await _world.SettleAsync();
        var (old, other) = (_world.Config.ExternalGateway.Gateway, new ObjectName("edge", "public"));
        _world.PutGateway(other);
        _world.Config = _world.Config with { ExternalGateway = new GatewaySelection("edge", other, _world.Config.ExternalGateway.Service) };

        await _world.SettleAsync();

        _world.Gateway(old).Spec.Listeners.Should().ContainSingle();
        _world.Gateway(other).Spec.Listeners.Should().HaveCount(2);
        _world.Routes.Single().Spec.ParentRefs.Single().Name.Should().Be("public");
    }

    [Test]
    public async Task A_deleted_Ingress_takes_its_listeners_along_before_it_goes()
    {
        _world.Put(WithTls("route-hello"));
        await _world.SettleAsync();
        await _world.Cluster.DeleteAsync(Resources.Ingresses, GatewayApiWorld.Namespace, "hello", CancellationToken.None);
        _world.Ingress().Metadata.DeletionTimestamp.Should().NotBeNull("the finalizer holds it");

        await _world.ReconcileAsync();

        _world.Gateway(_world.Config.ExternalGateway.Gateway).Spec.Listeners.Should().ContainSingle();
        _world.Cluster.Find(Resources.Ingresses, GatewayApiWorld.Namespace, "hello").Should().BeNull();
    }

    [Test]
    public async Task A_missing_Gateway_is_named()
    {
        var gateway = _world.Config.ExternalGateway.Gateway;
        await _world.Cluster.DeleteAsync(GatewayApiResources.Gateways, gateway.Namespace, gateway.Name, CancellationToken.None);
        _world.Put(WithTls("route-hello"));

        await _world
            .Invoking(static world => world.ReconcileAsync())
            .Should()
            .ThrowAsync<InvalidOperationException>()
            .WithMessage("Gateway istio-system/knative-gateway does not exist");

        _world.Events.Received().Warning(Arg.Any<Ingress>(), "GatewayMissing", "Unable to update Gateway istio-system/knative-gateway");
        _world.Condition("Ready").Reason.Should().Be("ReconcileIngressFailed");
    }

    [Test]
    public async Task A_Gateway_that_takes_no_more_listeners_is_named()
    {
        _world.PutGateway(
            _world.Config.ExternalGateway.Gateway,
            [.. Enumerable.Range(0, 63).Select(static i => PlainListener with { Name = $"l{i}", Port = 1000 + i })]
        );
        _world.Put(WithTls("route-hello"));

        await _world.ReconcileAsync();

        _world.Condition("LoadBalancerReady").Reason.Should().Be("TooManyListeners");
        _world
            .Condition("LoadBalancerReady")
            .Message.Should()
            .Contain("Gateway istio-system/knative-gateway would have 65 listeners")
            .And.Contain(HelloHost);
    }

    [Test]
    public async Task Redirected_hosts_are_probed_by_HTTPS_and_need_a_listener_for_it()
    {
        _world.Put(new IngressSpec { Rules = [External("one")], HttpOption = "Redirected" });
        await _world.ReconcileAsync();
        _world.Accept();
        await _world.ReconcileAsync();
        _world.Condition("LoadBalancerReady").Message.Should().Contain($"has no listener for HTTPS that serves {HelloHost}");
        _world.Routes.Select(static route => route.Metadata.Name).Should().Equal(HelloHost + "-redirect");

        _world.Put(WithTls("route-hello") with { HttpOption = "Redirected" });
        await _world.SettleAsync();

        _world
            .Routes.Select(static route => (route.Metadata.Name, route.Spec.ParentRefs.Single().SectionName))
            .Should()
            .BeEquivalentTo([(HelloHost, $"kni-{Uid}"), (HelloHost + "-redirect", "http")]);
        _world
            .Probe.Sent.Select(static probe => $"{probe.Target.Url} at {probe.Target.Pod}")
            .Distinct()
            .Should()
            .Equal($"https://{HelloHost}/healthz at 10.0.0.1:8443");
    }

    [Test]
    public async Task A_listener_of_the_operator_serves_HTTPS_too()
    {
        _world.PutGateway(
            _world.Config.ExternalGateway.Gateway,
            new GatewayListener
            {
                Name = "wildcard",
                Hostname = "*.example.com",
                Port = 443,
                Protocol = "HTTPS",
                Tls = new GatewayListenerTls
                {
                    Mode = "Terminate",
                    CertificateRefs =
                    [
                        new GatewaySecretReference
                        {
                            Group = "",
                            Kind = "Secret",
                            Name = "wildcard",
                        },
                    ],
                },
                AllowedRoutes = PlainListener.AllowedRoutes,
            }
        );
        _world.Put(new IngressSpec { Rules = [External("one")], HttpOption = "Redirected" });

        await _world.SettleAsync();

        _world.Routes.Single(static route => route.Metadata.Name == HelloHost).Spec.ParentRefs.Single().SectionName.Should().Be("wildcard");
    }

    [Test]
    public async Task A_Gateway_that_refuses_the_listener_is_reported()
    {
        _world.Put(WithTls("route-hello"));
        _world.Cluster.FailNext(
            static request => request is { Verb: "update", Plural: "gateways" },
            new KubernetesException(
                "update gateways",
                new Status
                {
                    Code = 422,
                    Reason = "Invalid",
                    Message = "hostname must be unique",
                }
            )
        );

        await _world.Invoking(static world => world.ReconcileAsync()).Should().ThrowAsync<KubernetesException>();

        _world
            .Events.Received()
            .Warning(
                Arg.Any<Ingress>(),
                "GatewayUpdateFailed",
                "Failed to update Gateway istio-system/knative-gateway: hostname must be unique"
            );
    }
}
