using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Dataplane.Inspection;
using Serving.Kubernetes;
using Serving.Networking.Gateway;
using Serving.Networking.Gateway.Backends;
using Serving.Networking.Gateway.Inspection;
using Serving.Networking.Gateway.Routing;
using Serving.Networking.Layers;
using Serving.Tests.Support;
using static Serving.Tests.Networking.Gateway.Cluster;

namespace Serving.Tests.Networking.Gateway;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RouteExplainerTests
{
    private const string GatewayDomain = "gateway-internal.knative-serving.svc.cluster.local";

    private static readonly GatewayOptions Options = new(new IPEndPoint(IPAddress.Loopback, 0), new IPEndPoint(IPAddress.Loopback, 0));

    private readonly ManualTimeProvider _time = new();
    private readonly InMemoryCluster _cluster;
    private readonly RouteTableBuilder _builder;

    public RouteExplainerTests()
    {
        _cluster = new InMemoryCluster(_time);
        var statistics = new GatewayStatistics();
        var registry = new BackendRegistry(_cluster, "cluster.local", GatewayDomain, null);
        _builder = new RouteTableBuilder(
            new IngressCompiler(registry, statistics, "cluster.local"),
            registry,
            statistics,
            new ServedIngresses(Options, Cluster.Environment),
            _time
        );
    }

    [Test]
    public void Names_the_Ingress_the_rule_the_backends_and_their_endpoints()
    {
        _cluster.PutService("a");
        _cluster.PutEndpoints("a", new IPEndPoint(IPAddress.Parse("10.0.0.1"), 8012), new IPEndPoint(IPAddress.Parse("10.0.0.2"), 8012));
        var ingress = _cluster.PutIngress("one", Rule("*.example.com", To("a"), To("b") with { Path = "/b" }));

        var route = Explain("X.example.com:8080", "/v1").External!;

        route.Pattern.Should().Be("*.example.com");
        var step = route.Steps.Should().ContainSingle().Subject;
        step.Rule.Should().BeEquivalentTo(new { Prefix = "/", Ingress = "default/one" });
        step.Should()
            .BeEquivalentTo(
                new
                {
                    Hash = IngressHash.Compute(ingress),
                    IsProbedReady = true,
                    IsNewest = true,
                }
            );
        var split = step.Splits.Should().ContainSingle().Subject;
        split
            .Should()
            .BeEquivalentTo(
                new
                {
                    Backend = "default/a:80",
                    Percent = 100,
                    Endpoints = 2,
                    Protocol = "http1",
                }
            );
        split.Listed.Select(endpoint => endpoint.Address).Should().Equal("10.0.0.1:8012", "10.0.0.2:8012");
        route.Others.Should().ContainSingle().Which.Prefix.Should().Be("/b");
    }

    [Test]
    public void A_backend_without_endpoints_fails_the_probe()
    {
        _cluster.PutIngress("one", Rule("a.b", To("missing")));

        Explain("a.b", "/").External!.Steps.Single().Should().BeEquivalentTo(new { IsProbedReady = false });
    }

    [Test]
    public void A_rule_that_needs_a_header_is_listed_and_not_taken()
    {
        var tagged = To("tagged") with
        {
            Headers = new Dictionary<string, HeaderMatch> { ["Knative-Serving-Tag"] = new() { Exact = "blue" } },
        };
        _cluster.PutIngress("one", Rule("a.b", tagged, To("a")));

        var route = Explain("a.b", "/").External!;

        route.Steps.Single().Splits.Single().Backend.Should().Be("default/a:80");
        route.Others.Single().Headers.Should().Equal("Knative-Serving-Tag: blue");
    }

    [Test]
    public void Follows_a_rewritten_host_through_the_gateway()
    {
        _cluster.Put(
            Resources.Services,
            new CoreService
            {
                Metadata = new ObjectMeta { Namespace = "default", Name = "mapped" },
                Spec = new CoreServiceSpec
                {
                    Type = "ExternalName",
                    ExternalName = GatewayDomain,
                    Ports = [new ServicePort { Name = "http2", Port = 80 }],
                },
            }
        );
        _cluster.PutIngress("mapping", Rule("www.example.com", To("mapped") with { RewriteHost = "hello.default.svc.cluster.local" }));
        _cluster.PutIngress("hello", Rule("hello.default.svc.cluster.local", To("hello")));

        var steps = Explain("www.example.com", "/").External!.Steps;

        steps.Select(step => step.Rule.Ingress).Should().Equal("default/mapping", "default/hello");
        steps[0].Splits.Single().LeadsToGateway.Should().BeTrue();
        steps[1].Host.Should().Be("hello.default.svc.cluster.local");
    }

    [Test]
    public void An_unknown_host_has_no_route_and_a_rejected_Ingress_is_named()
    {
        _cluster.PutIngress("one", Rule("a.b", To("a")));
        _time.Advance(TimeSpan.FromMinutes(1));
        _cluster.PutIngress("two", Rule("a.b", To("b")));

        Explain("c.d", "/").Should().BeEquivalentTo(new { Host = "c.d", External = (ListenerExplanation?)null });
        Explain("a.b", "/").Rejected.Should().Equal("default/two");
    }

    [Test]
    public void A_path_that_no_rule_has_is_no_step()
    {
        _cluster.PutIngress("one", Rule("a.b", To("a") with { Path = "/v1" }));

        var route = Explain("a.b", "/v2").External!;

        route.Steps.Should().BeEmpty();
        route.Others.Should().ContainSingle();
    }

    [Test]
    public void A_newer_version_that_waits_for_endpoints_is_told()
    {
        _cluster.PutService("a");
        _cluster.PutEndpoints("a", new IPEndPoint(IPAddress.Parse("10.0.0.1"), 8012));
        var ingress = _cluster.PutIngress("one", Rule("a.b", To("a")));
        Explain("a.b", "/");
        _cluster.Put(
            Resources.Ingresses,
            ingress with
            {
                Metadata = ingress.Metadata with { Generation = 9 },
                Spec = ingress.Spec with { Rules = [Rule("a.b", To("later"))] },
            }
        );

        var step = Explain("a.b", "/").External!.Steps.Single();

        step.IsNewest.Should().BeFalse();
        step.Splits.Single().Backend.Should().Be("default/a:80");
    }

    private RouteExplanation Explain(string host, string path)
    {
        var ingresses = _cluster.For(Resources.Ingresses).Lister;
        _builder.Apply([.. ingresses.List().Select(static one => ObjectKey.Of(one))], key => ingresses.Get(key.Namespace, key.Name));
        return RouteExplainer.Explain(_builder.Table, ingresses, host, path);
    }
}
