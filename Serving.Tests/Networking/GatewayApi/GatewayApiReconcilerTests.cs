using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.GatewayApi;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Networking.GatewayApi;
using Serving.Networking.Layers;
using Serving.Networking.Layers.Probing;
using Serving.Tests.Support;
using static Serving.Tests.Networking.GatewayApi.GatewayApiWorld;

namespace Serving.Tests.Networking.GatewayApi;

/// <summary>How the objects of an Ingress come, change and go, and what its status says meanwhile.</summary>
public sealed class GatewayApiReconcilerTests
{
    private static readonly string[] LocalHosts = ["hello.default", "hello.default.svc", "hello.default.svc.cluster.local"];
    private GatewayApiWorld _world = null!;

    [SetUp]
    public void Create() => _world = new GatewayApiWorld();

    [TearDown]
    public void Delete() => _world.Dispose();

    [Test]
    public async Task Is_ready_when_the_Gateways_accepted_the_routes_and_returned_the_hash()
    {
        _world.Put(Rule(IngressVisibility.ClusterLocal, LocalHosts, To(("one", 100))), External("one"));

        await _world.ReconcileAsync();
        _world.Condition("LoadBalancerReady").Status.Should().Be("Unknown");
        _world
            .Condition("LoadBalancerReady")
            .Message.Should()
            .Contain("HTTPRoute default/hello.default")
            .And.Contain("no controller wrote");
        _world.Ingress().Metadata.Finalizers.Should().Equal("ingresses.networking.internal.knative.dev");

        await _world.SettleAsync();

        _world
            .Ingress()
            .Status.PublicLoadBalancer!.Ingress.Single()
            .DomainInternal.Should()
            .Be("istio-ingressgateway.istio-system.svc.cluster.local");
        _world
            .Ingress()
            .Status.PrivateLoadBalancer!.Ingress.Single()
            .DomainInternal.Should()
            .Be("knative-local-gateway.istio-system.svc.cluster.local");
        _world
            .Probe.Sent.Select(static probe => $"{probe.Target.Url} at {probe.Target.Pod}")
            .Should()
            .BeEquivalentTo(
                $"http://{HelloHost}/healthz at 10.0.0.1:8080",
                "http://hello.default.svc.cluster.local/healthz at 10.0.0.2:8080"
            );
    }

    [Test]
    public async Task Is_not_ready_while_a_pod_returns_another_version()
    {
        _world.PutPods(_world.Config.ExternalGateway.Service!, "10.0.0.1", "10.0.0.9");
        _world.Probe.Respond = static (target, _) => new ProbeResult(target.Pod.Address.ToString() != "10.0.0.9");
        _world.Put(External("one"));

        await _world.ReconcileAsync();
        _world.Accept();
        await _world.ReconcileAsync();
        _world.Time.Advance(StatusProber.FirstDelay);
        await Eventually.HoldsAsync(() =>
            _world.Probe.Sent.Select(static probe => probe.Target.Pod.ToString()).Should().Contain(["10.0.0.1:8080", "10.0.0.9:8080"])
        );
        await _world.ReconcileAsync();
        _world.Condition("LoadBalancerReady").Status.Should().Be("Unknown");

        _world.Probe.Respond = static (_, _) => new ProbeResult(true);
        _world.Time.Advance(TimeSpan.FromSeconds(30));
        await _world.SettleAsync();
    }

    [TestCase(
        "False",
        "True",
        "HTTPRoute default/hello.default.example.com is not accepted by Gateway istio-system/knative-gateway*NotAllowed*"
    )]
    [TestCase(
        "True",
        "False",
        "*has references that Gateway istio-system/knative-gateway cannot resolve*BackendNotFound: told by the test*"
    )]
    public async Task Says_why_a_Gateway_refuses_a_route(string accepted, string resolved, string message)
    {
        _world.Put(External("one"));
        await _world.ReconcileAsync();
        _world.Accept(accepted, resolved);

        await _world.ReconcileAsync();

        _world.Condition("LoadBalancerReady").Message.Should().Match("Waiting for load balancer to be ready: " + message);
        _world.Condition("Ready").Status.Should().Be("Unknown");
        _world.Probe.Sent.Should().BeEmpty();
    }

    [Test]
    public async Task Stays_ready_while_the_pods_of_a_Gateway_are_exchanged()
    {
        _world.Put(External("one"));
        await _world.SettleAsync();
        var probes = _world.Probe.Sent.Count;
        _world.PutPods(_world.Config.ExternalGateway.Service!);

        await _world.ReconcileAsync();

        _world.Condition("Ready").Status.Should().Be("True");
        _world.Probe.Sent.Should().HaveCount(probes);
    }

    [Test]
    public async Task A_layer_at_the_same_addresses_is_told_apart_when_an_Ingress_comes_and_when_it_goes()
    {
        _world.Put(External("one"));
        await _world.SettleAsync();
        var ours = _world.Ingress();
        ours.Status.Annotations.Should().Contain(NetworkingKeys.IngressClass.Key, GatewayApiModule.Layer.IngressClass);

        var theirs = ours.Status with
        {
            Annotations = new Dictionary<string, string> { [NetworkingKeys.IngressClass.Key] = NetworkingKeys.IstioIngressClass },
        };
        using (var coming = new GatewayApiWorld())
        {
            coming.Cluster.Put(Resources.Ingresses, ours with { Status = theirs });
            await coming.ReconcileAsync();
            coming.Accept();
            await coming.ReconcileAsync();
            coming.Condition("Ready").Status.Should().Be("Unknown", "the other layer made it Ready, and this one was not probed");
            await coming.SettleAsync();
        }

        _world.Cluster.Put(
            Resources.Ingresses,
            ours with
            {
                Metadata = ours.Metadata with { Annotations = theirs.Annotations },
                Status = theirs,
            }
        );
        await _world.ReconcileAsync();
        _world.Routes.Should().BeEmpty("the other layer serves it, at the same addresses");
    }

    [Test]
    public async Task Traffic_moves_to_a_new_backend_only_after_every_Gateway_reached_it()
    {
        _world.Put(External("one"));
        await _world.SettleAsync();
        _world.Put(External("two"));
        var before = _world.Probe.Sent.Count;
        _world.Probe.Respond = static (target, version) => new ProbeResult(!version.StartsWith("ep-") || !target.Path.EndsWith("/two"));

        await _world.ReconcileAsync();
        await _world.ReconcileAsync();
        Backends().Should().Equal("one");
        _world.Condition("LoadBalancerReady").Message.Should().EndWith("its Gateways do not reach all of the new backends yet");
        await _world.ProbeAsync();
        await _world.ReconcileAsync();
        Backends().Should().Equal("one");
        _world
            .Probe.Sent.Skip(before)
            .Select(static probe => probe.Target.Path)
            .Should()
            .Contain(["/healthz", "/.well-known/knative/revision/default/two", "/.well-known/knative/revision/default/one"]);

        _world.Probe.Respond = static (_, _) => new ProbeResult(true);
        await _world.SettleAsync();

        Backends().Should().Equal("two");
        _world.Routes.Single().Spec.Rules.Should().HaveCount(2, "the probes of backends are gone");
        _world.Probe.Sent.Select(static probe => probe.Hash[..3]).Distinct().Should().Contain(["ep-", "tr-"]);
    }

    [Test]
    public async Task A_new_leader_continues_where_the_old_one_was()
    {
        _world.Put(External("one"));
        await _world.SettleAsync();
        _world.Put(External("two"));
        await _world.ReconcileAsync();
        using var successor = new GatewayApiWorld();
        successor.Cluster.Put(Resources.Ingresses, _world.Ingress());
        successor.Cluster.Put(GatewayApiResources.HttpRoutes, _world.Routes.Single());
        successor.Cluster.ForgetWrites();

        await successor.ReconcileAsync();

        successor.Cluster.Writes.Should().NotContain(static write => write.Plural == "httproutes", "the stage is in the route");
        await successor.SettleAsync();
        successor.Routes.Single().Spec.Rules.Should().HaveCount(2);
    }

    [Test]
    public async Task A_route_that_somebody_changed_is_put_right_and_one_that_was_deleted_is_made_again()
    {
        _world.Put(External("one"));
        await _world.SettleAsync();
        var right = _world.Routes.Single().Spec;
        _world.Cluster.Put(
            GatewayApiResources.HttpRoutes,
            _world.Routes.Single() with
            {
                Spec = right with { Hostnames = ["other.example.com"] },
            }
        );

        await _world.ReconcileAsync();
        _world.Routes.Single().Spec.Hostnames.Should().Equal(HelloHost);

        await _world.Cluster.DeleteAsync(GatewayApiResources.HttpRoutes, GatewayApiWorld.Namespace, HelloHost, CancellationToken.None);
        await _world.ReconcileAsync();
        ApiEquality.Same(_world.Routes.Single().Spec, right).Should().BeTrue();
    }

    [Test]
    public async Task Hosts_that_the_Ingress_no_longer_has_lose_their_routes()
    {
        _world.Put(External("one"), Rule(IngressVisibility.External, ["blue." + HelloHost], To(("one", 100))));
        await _world.SettleAsync();
        _world.Routes.Should().HaveCount(2);

        _world.Put(External("one"));
        await _world.SettleAsync();

        _world.Routes.Select(static route => route.Metadata.Name).Should().Equal(HelloHost);
    }

    [Test]
    public async Task Rules_that_do_not_fit_into_one_route_are_spread_and_come_back_together()
    {
        _world.Put(Rule(IngressVisibility.External, [HelloHost], Paths(20)));
        await _world.SettleAsync();
        _world
            .Routes.Select(static route => (route.Metadata.Name, route.Spec.Rules.Count))
            .Should()
            .BeEquivalentTo([(HelloHost, 16), (HelloHost + "-2", 16), (HelloHost + "-3", 8)]);
        _world.Routes.Should().OnlyContain(static route => route.Spec.Hostnames.Single() == HelloHost);

        _world.Put(Rule(IngressVisibility.External, [HelloHost], Paths(3)));
        await _world.SettleAsync();

        _world.Routes.Select(static route => (route.Metadata.Name, route.Spec.Rules.Count)).Should().Equal((HelloHost, 6));
    }

    [Test]
    public async Task More_backends_than_a_rule_takes_are_refused_by_name_and_what_is_there_stays()
    {
        _world.Put(External("one"));
        await _world.SettleAsync();
        _world.Put(
            Rule(IngressVisibility.External, [HelloHost], To([.. Enumerable.Range(0, 17).Select(static i => ($"s{i}", i == 0 ? 100 : 0))]))
        );

        await _world.ReconcileAsync();

        _world.Condition("LoadBalancerReady").Reason.Should().Be("TooManyBackends");
        _world.Condition("Ready").Message.Should().Contain("Ingress default/hello: spec.rules[0].http.paths[0].splits has 17 entries");
        Backends().Should().Equal("one");
    }

    [Test]
    public async Task An_Ingress_of_another_class_loses_everything_once_that_class_serves_it()
    {
        _world.Put(WithTls("route-hello"));
        await _world.SettleAsync();
        var moved = _world.Ingress();
        moved = moved with
        {
            Metadata = moved.Metadata with
            {
                Annotations = new Dictionary<string, string> { [NetworkingKeys.IngressClass.Key] = "other.example.com" },
            },
        };
        _world.Cluster.Put(Resources.Ingresses, moved);
        await _world.ReconcileAsync();
        _world.Routes.Should().NotBeEmpty("nobody else serves it yet");

        IngressLoadBalancerAddress theirs = new() { DomainInternal = "other.example.svc.cluster.local" };
        _world.Cluster.Put(
            Resources.Ingresses,
            moved with
            {
                Status = IngressLifecycle.MarkLoadBalancerReady(moved.Status, [theirs], [theirs], _world.Time.GetUtcNow()),
            }
        );
        await _world.ReconcileAsync();

        _world.Routes.Should().BeEmpty();
        _world.Gateway(_world.Config.ExternalGateway.Gateway).Spec.Listeners.Should().ContainSingle();
        _world.Cluster.All(GatewayApiResources.ReferenceGrants).Should().BeEmpty();
    }

    [Test]
    public async Task A_Gateway_without_a_Service_is_probed_at_its_address()
    {
        _world.Config = new GatewayApiConfig
        {
            ExternalGateway = _world.Config.ExternalGateway with { Service = null, ProxyProtocolEnabled = true },
            LocalGateway = _world.Config.LocalGateway,
        };
        _world.Put(External("one"));
        await _world.ReconcileAsync();
        _world.Accept();
        await _world.ReconcileAsync();
        _world
            .Condition("LoadBalancerReady")
            .Message.Should()
            .EndWith("no address found in status of Gateway istio-system/knative-gateway");

        var gateway = _world.Gateway(_world.Config.ExternalGateway.Gateway);
        _world.Cluster.Put(
            GatewayApiResources.Gateways,
            gateway with
            {
                Status = new GatewayStatus { Addresses = [new GatewayAddress { Type = "IPAddress", Value = "192.0.2.7" }] },
            }
        );
        await _world.SettleAsync();

        _world.Ingress().Status.PublicLoadBalancer!.Ingress.Single().Ip.Should().Be("192.0.2.7");
        var probe = _world.Probe.Sent[0].Target;
        probe.Pod.ToString().Should().Be("192.0.2.7:80");
        probe.SpeaksProxyProtocol.Should().BeTrue();
    }

    [Test]
    public async Task A_Gateway_without_a_Service_that_does_not_exist_fails_the_load_balancer()
    {
        var missing = new ObjectName("edge", "nowhere");
        _world.Config = _world.Config with { ExternalGateway = new GatewaySelection("edge", missing, null) };
        _world.Put(External("one"));

        await _world.ReconcileAsync();

        _world.Condition("LoadBalancerReady").Reason.Should().Be("GatewayDoesNotExist");
        _world.Condition("LoadBalancerReady").Message.Should().Be("could not find Gateway edge/nowhere");
        _world.Condition("Ready").Status.Should().Be("False");
    }

    [Test]
    public async Task A_Service_without_pods_is_named()
    {
        _world.PutPods(_world.Config.ExternalGateway.Service!);
        _world.Put(External("one"));
        await _world.ReconcileAsync();
        _world.Accept();

        await _world.ReconcileAsync();

        _world
            .Condition("LoadBalancerReady")
            .Message.Should()
            .EndWith("Service istio-system/istio-ingressgateway of Gateway istio-system/knative-gateway has no ready endpoint");
    }

    private static HttpIngressPath[] Paths(int count) =>
        [.. Enumerable.Range(0, count).Select(static i => To(("one", 100)) with { Path = $"/p{i:00}" })];

    private IEnumerable<string> Backends() =>
        _world
            .Routes.SelectMany(static route => route.Spec.Rules)
            .Where(static rule => rule.Matches[0].Headers.Count == 0)
            .SelectMany(static rule => rule.BackendRefs)
            .Select(static backend => backend.Name)
            .Distinct();
}
