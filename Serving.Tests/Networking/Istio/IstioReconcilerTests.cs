using FluentAssertions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Conditions;
using Serving.Api.Core;
using Serving.Api.Istio;
using Serving.Api.Networking;
using Serving.Kubernetes.Reconcilers;
using Serving.Networking.Layers;

namespace Serving.Tests.Networking.Istio;

/// <summary>From an Ingress to objects of Istio and a status, and back to nothing.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class IstioReconcilerTests : IDisposable
{
    private readonly IstioWorld _world = new();

    public void Dispose() => _world.Dispose();

    [Test]
    public async Task An_Ingress_is_ready_once_the_gateways_confirm_its_version()
    {
        _world.Put(IstioWorld.Rule(IstioWorld.Host), IstioWorld.Rule(IstioWorld.LocalHost, "ClusterLocal"));

        await _world.ReconcileAsync();
        Condition("NetworkConfigured").Status.Should().Be("True");
        Condition("LoadBalancerReady").Should().Match<Condition>(c => c.Status == "Unknown" && c.Reason == "Uninitialized");
        _world.Ingress.Metadata.Finalizers.Should().Equal(NetworkLayer.Finalizer);

        await _world.SettleAsync();

        IngressLifecycle.IsReady(_world.Ingress).Should().BeTrue();
        _world
            .Ingress.Status.PublicLoadBalancer!.Ingress.Should()
            .Equal(new IngressLoadBalancerAddress { DomainInternal = "istio-ingressgateway.istio-system.svc.cluster.local" });
        _world
            .Ingress.Status.PrivateLoadBalancer!.Ingress.Should()
            .Equal(new IngressLoadBalancerAddress { DomainInternal = "knative-local-gateway.istio-system.svc.cluster.local" });
        _world
            .Probe.Sent.Select(static sent => sent.Target.ToString())
            .Should()
            .BeEquivalentTo($"http://{IstioWorld.Host}/healthz at 10.0.0.1:8080", "http://hello.default:8081/healthz at 10.0.0.1:8081");
        var hash = IngressHash.Compute(_world.Ingress);
        _world.Probe.Sent.Should().OnlyContain(sent => sent.Hash == hash);
    }

    [Test]
    public async Task An_Ingress_that_is_ready_is_not_probed_again_by_another_leader()
    {
        _world.Put(IstioWorld.Rule(IstioWorld.Host));
        await _world.SettleAsync();
        using var other = new IstioWorld();
        other.Cluster.Put(Resources.Ingresses, _world.Ingress);
        other.Cluster.Put(IstioResources.VirtualServices, _world.Cluster.Find(IstioResources.VirtualServices, "default", "hello-ingress")!);

        await other.ReconcileAsync();

        IngressLifecycle.IsReady(other.Ingress).Should().BeTrue();
        other.Cluster.Writes.Should().BeEmpty();
    }

    [Test]
    public async Task A_new_version_is_probed_anew()
    {
        _world.Put(IstioWorld.Rule(IstioWorld.Host));
        await _world.SettleAsync();

        await _world.UpdateAsync(new IngressSpec { Rules = [IstioWorld.Rule(IstioWorld.Host, backend: "hello-00002")] });
        await _world.ReconcileAsync();
        IngressLifecycle.IsReady(_world.Ingress).Should().BeFalse();
        VirtualService("hello-ingress")
            .Spec.Http.SelectMany(static route => route.Route)
            .Should()
            .OnlyContain(route => route.Destination.Host == "hello-00002.default.svc.cluster.local");

        await _world.SettleAsync();
        IngressLifecycle.IsReady(_world.Ingress).Should().BeTrue();
    }

    [Test]
    public async Task Without_Gateways_an_Ingress_is_ready_in_the_mesh_and_nothing_is_probed()
    {
        _world.Configure("config-istio", ("external-gateways", "[]"), ("local-gateways", "[]"));
        _world.Put(IstioWorld.Rule(IstioWorld.LocalHost, "ClusterLocal"));

        await _world.ReconcileAsync();

        IngressLifecycle.IsReady(_world.Ingress).Should().BeTrue();
        _world.Ingress.Status.PublicLoadBalancer!.Ingress.Should().Equal(new IngressLoadBalancerAddress { MeshOnly = true });
        _world.Cluster.All(IstioResources.VirtualServices).Should().ContainSingle().Which.Spec.Gateways.Should().Equal("mesh");
    }

    [Test]
    public async Task What_an_Ingress_does_not_need_any_more_is_deleted()
    {
        _world.PutCertificate("route-cert", IstioWorld.Host);
        _world.Put(
            IstioWorld.Tls() with
            {
                Rules = [IstioWorld.Rule(IstioWorld.Host), IstioWorld.Rule(IstioWorld.LocalHost, "ClusterLocal")],
            }
        );
        await _world.ReconcileAsync();
        _world.Cluster.All(IstioResources.Gateways, "default").Should().ContainSingle();
        _world.Cluster.All(Resources.Secrets, "istio-system").Should().ContainSingle();

        _world.Configure("config-istio", ("external-gateways", "[]"), ("local-gateways", "[]"));
        await _world.ReconcileAsync();

        _world.Cluster.All(IstioResources.VirtualServices).Select(static one => one.Metadata.Name).Should().Equal("hello-mesh");
        _world.Cluster.All(IstioResources.Gateways, "default").Should().BeEmpty();
        _world.Cluster.All(Resources.Secrets, "istio-system").Should().BeEmpty();
        _world.Cluster.All(IstioResources.Gateways, "knative-serving").Should().HaveCount(2, "those of the installation are not ours");
    }

    [Test]
    public async Task A_renewed_certificate_is_copied_and_the_copy_of_one_that_was_replaced_goes()
    {
        _world.PutCertificate("route-cert", IstioWorld.Host);
        _world.Put(IstioWorld.Tls());
        await _world.ReconcileAsync();

        var renewed = _world.PutCertificate("route-cert", IstioWorld.Host);
        await _world.ReconcileAsync();
        var copy = _world.Cluster.All(Resources.Secrets, "istio-system").Should().ContainSingle().Which;
        copy.Metadata.Name.Should().Be($"hello-{renewed.Metadata.Uid}");
        copy.Data!["tls.crt"].Should().Equal(renewed.Data!["tls.crt"]);

        await _world.Cluster.DeleteAsync(Resources.Secrets, "default", "route-cert", default);
        var replaced = _world.PutCertificate("route-cert", IstioWorld.Host);
        replaced.Metadata.Uid.Should().NotBe(renewed.Metadata.Uid);
        await _world.ReconcileAsync();
        _world
            .Cluster.All(Resources.Secrets, "istio-system")
            .Should()
            .ContainSingle()
            .Which.Metadata.Name.Should()
            .Be($"hello-{replaced.Metadata.Uid}");
    }

    [Test]
    public async Task A_certificate_that_is_not_there_yet_is_said_and_waited_for()
    {
        _world.Put(IstioWorld.Tls());

        await _world.Awaiting(static world => world.ReconcileAsync()).Should().ThrowAsync<AwaitedException>();

        Condition("Ready")
            .Should()
            .Match<Condition>(c =>
                c.Reason == "ReconcileIngressFailed"
                && c.Message == "Ingress reconciliation failed: Secret default/route-cert of spec.tls does not exist"
            );
        _world.Events.DidNotReceiveWithAnyArgs().Warning(null!, "", "");

        _world.Cluster.Put(
            Resources.Secrets,
            new Secret
            {
                Metadata = new ObjectMeta { Namespace = "default", Name = "route-cert" },
                Type = "kubernetes.io/tls",
            }
        );
        await _world
            .Awaiting(static world => world.ReconcileAsync())
            .Should()
            .ThrowAsync<AwaitedException>()
            .WithMessage("Secret default/route-cert has no certificate: it has no tls.crt");

        _world.PutCertificate("route-cert", IstioWorld.Host);
        await _world.SettleAsync();
        IngressLifecycle.IsReady(_world.Ingress).Should().BeTrue();
    }

    [Test]
    public async Task With_a_certificate_HTTPS_is_probed_and_a_redirect_is_not()
    {
        _world.PutCertificate("route-cert", IstioWorld.Host);
        _world.Put(IstioWorld.Tls() with { HttpOption = "Redirected" });

        await _world.SettleAsync();

        IngressLifecycle.IsReady(_world.Ingress).Should().BeTrue();
        _world
            .Probe.Sent.Select(static sent => sent.Target.ToString())
            .Should()
            .Equal($"https://{IstioWorld.Host}/healthz at 10.0.0.1:8443");
    }

    [Test]
    public async Task A_wildcard_certificate_is_shared_and_kept_while_another_Ingress_uses_it()
    {
        var certificate = _world.PutCertificate("wildcard", "*.default.example.com");
        _world.Put(IstioWorld.Tls("wildcard"));
        _world.Put(
            IstioWorld.Tls("wildcard") with
            {
                Rules = [IstioWorld.Rule("other.default.example.com")],
                Tls =
                [
                    new IngressTls
                    {
                        Hosts = ["other.default.example.com"],
                        SecretName = "wildcard",
                        SecretNamespace = "default",
                    },
                ],
            },
            name: "other"
        );
        await _world.ReconcileAsync();
        await _world.ReconcileAsync("other");
        var shared = _world
            .Cluster.All(IstioResources.Gateways, "default")
            .Should()
            .ContainSingle(static one => one.Metadata.Name.StartsWith("wildcard-"))
            .Which;
        shared.Metadata.OwnerReferences.Should().ContainSingle(owner => owner.Uid == certificate.Metadata.Uid && owner.Kind == "Secret");

        await DeleteAsync("hello");
        _world.Cluster.All(Resources.Secrets, "istio-system").Should().ContainSingle();
        await DeleteAsync("other");
        _world.Cluster.All(Resources.Secrets, "istio-system").Should().BeEmpty();
    }

    [Test]
    public async Task A_deleted_Ingress_leaves_no_copy_and_is_released()
    {
        _world.PutCertificate("route-cert", IstioWorld.Host);
        _world.Put(IstioWorld.Tls());
        await _world.ReconcileAsync();

        await DeleteAsync("hello");

        _world.Cluster.Find(Resources.Ingresses, "default", "hello").Should().BeNull();
        _world.Cluster.All(Resources.Secrets, "istio-system").Should().BeEmpty();
        _world.Cluster.All(Resources.Secrets, "default").Should().ContainSingle("the certificate itself is not ours");
    }

    [Test]
    public async Task A_Secret_with_the_name_of_a_copy_is_left_alone_and_named()
    {
        var certificate = _world.PutCertificate("route-cert", IstioWorld.Host);
        _world.Cluster.Put(
            Resources.Secrets,
            new Secret
            {
                Metadata = new ObjectMeta { Namespace = "istio-system", Name = $"hello-{certificate.Metadata.Uid}" },
            }
        );
        _world.Put(IstioWorld.Tls());

        await _world.Awaiting(static world => world.ReconcileAsync()).Should().ThrowAsync<NotOwnedException>();

        Condition("NetworkConfigured").Should().Match<Condition>(c => c.Status == "False" && c.Reason == "NotOwned");
        Condition("NetworkConfigured").Message.Should().Contain("delete Secret istio-system/hello-");
        _world.Cluster.Find(Resources.Secrets, "istio-system", $"hello-{certificate.Metadata.Uid}")!.Data.Should().BeNull();
    }

    [Test]
    public async Task An_Ingress_that_moves_keeps_its_objects_until_the_other_class_serves_it()
    {
        _world.Put(IstioWorld.Rule(IstioWorld.Host));
        await _world.SettleAsync();

        await _world.MoveAsync("gateway.ingress.networking.knative.dev");
        await _world.ReconcileAsync();
        _world.Cluster.All(IstioResources.VirtualServices).Should().NotBeEmpty("its status still names our gateways");

        var other = new IngressLoadBalancerStatus
        {
            Ingress = [new IngressLoadBalancerAddress { DomainInternal = "gateway.knative-serving.svc.cluster.local" }],
        };
        await _world.Cluster.UpdateStatusAsync(
            Resources.Ingresses,
            _world.Ingress with
            {
                Status = _world.Ingress.Status with { PublicLoadBalancer = other, PrivateLoadBalancer = other },
            },
            default
        );
        await _world.ReconcileAsync();

        _world.Cluster.All(IstioResources.VirtualServices).Should().BeEmpty();
        _world.Ingress.Metadata.Finalizers.Should().BeEmpty();
        _world.Cluster.ForgetWrites();
        await _world.ReconcileAsync();
        _world.Cluster.Writes.Should().BeEmpty();
    }

    [Test]
    public async Task An_Ingress_of_another_class_is_not_touched()
    {
        _world.Put(new IngressSpec { Rules = [IstioWorld.Rule(IstioWorld.Host)] }, ingressClass: "kourier.ingress.networking.knative.dev");

        await _world.ReconcileAsync();

        _world.Cluster.Writes.Should().BeEmpty();
    }

    [Test]
    public async Task What_an_Ingress_waits_for_is_in_its_status()
    {
        await _world.Cluster.DeleteAsync(IstioResources.Gateways, "knative-serving", "knative-ingress-gateway", default);
        _world.Put(IstioWorld.Rule(IstioWorld.Host));

        await _world.ReconcileAsync();
        Condition("LoadBalancerReady")
            .Message.Should()
            .Be("Waiting for load balancer to be ready: Gateway knative-serving/knative-ingress-gateway of config-istio does not exist");

        _world.Configure("config-istio", ("external-gateways", "[{name: x, namespace: edge, service: edge.edge.svc.cluster.local}]"));
        await _world.ReconcileAsync();
        Condition("LoadBalancerReady").Message.Should().EndWith("Service edge/edge of Gateway edge/x in config-istio does not exist");
    }

    [Test]
    public async Task The_Service_of_local_Gateways_is_not_needed_for_external_hosts()
    {
        _world.PutCertificate("route-cert", IstioWorld.Host);
        await _world.Cluster.DeleteAsync(Resources.Services, "istio-system", "knative-local-gateway", default);
        _world.Put(IstioWorld.Tls());

        await _world.SettleAsync();

        IngressLifecycle.IsReady(_world.Ingress).Should().BeTrue();
    }

    [Test]
    public async Task A_gateway_without_pods_routes_nothing()
    {
        var endpoints = _world.Cluster.Find(Resources.Endpoints, "istio-system", "istio-ingressgateway")!;
        _world.Cluster.Put(Resources.Endpoints, endpoints with { Subsets = [] });
        _world.Put(IstioWorld.Rule(IstioWorld.Host));

        await _world.ReconcileAsync();

        Condition("LoadBalancerReady").Message.Should().EndWith("Service istio-system/istio-ingressgateway has no ready pod");
    }

    [Test]
    public async Task Gateways_by_labels_give_an_Ingress_other_addresses_and_it_is_probed_there()
    {
        _world.Put(IstioWorld.Rule(IstioWorld.Host));
        await _world.SettleAsync();

        _world.Configure(
            "config-istio",
            (
                "external-gateways",
                "[{name: knative-local-gateway, namespace: knative-serving, service: knative-local-gateway.istio-system.svc.cluster.local}]"
            )
        );
        await _world.ReconcileAsync();
        IngressLifecycle.IsReady(_world.Ingress).Should().BeFalse("the gateway at its new address has not confirmed it");
        await _world.SettleAsync();

        IngressLifecycle.IsReady(_world.Ingress).Should().BeTrue();
        _world
            .Ingress.Status.PublicLoadBalancer!.Ingress[0]
            .DomainInternal.Should()
            .Be("knative-local-gateway.istio-system.svc.cluster.local");
    }

    private async Task DeleteAsync(string name)
    {
        await _world.Cluster.DeleteAsync(Resources.Ingresses, "default", name, default);
        await _world.ReconcileAsync(name);
    }

    private Condition Condition(string type) => ConditionSet.Get(_world.Ingress.Status.Conditions, type)!;

    private IstioVirtualService VirtualService(string name) => _world.Cluster.Find(IstioResources.VirtualServices, "default", name)!;
}
