using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Kubernetes;
using Serving.Kubernetes.Hosting;
using Serving.Networking.Gateway;
using Serving.Networking.Gateway.Backends;
using Serving.Networking.Gateway.Routing;
using Serving.Tests.Support;
using static Serving.Tests.Networking.Gateway.Cluster;

namespace Serving.Tests.Networking.Gateway;

public sealed class RouteTableTests
{
    private static readonly ServedIngresses Served = new(
        new GatewayOptions(
            new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0),
            new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0)
        ),
        new ClusterEnvironment("knative-serving", "cluster.local", "serving-0", System.Net.IPAddress.Loopback)
    );

    private readonly ManualTimeProvider _time = new();
    private InMemoryCluster _cluster = null!;
    private GatewayStatistics _statistics = null!;
    private RouteTableBuilder _builder = null!;

    [SetUp]
    public void SetUp()
    {
        _cluster = new InMemoryCluster(_time);
        _statistics = new GatewayStatistics();
        var registry = new BackendRegistry(_cluster, "cluster.local", "gateway-internal.knative-serving.svc.cluster.local", null);
        _builder = new RouteTableBuilder(new IngressCompiler(registry, _statistics, "cluster.local"), registry, _statistics, Served, _time);
    }

    [TestCase("a.example.com", "a")]
    [TestCase("A.Example.COM:8080", "a")]
    [TestCase("a.example.com.", "a")]
    [TestCase("x.wild.example.com", "wild")]
    [TestCase("x.y.wild.example.com", "wild")]
    [TestCase("deep.y.z.wild.example.com:1", "deeper")]
    [TestCase("wild.example.com", null)]
    [TestCase("b.example.com", null)]
    [TestCase("", null)]
    public void Finds_hosts_exactly_else_by_the_longest_wildcard(string host, string? service)
    {
        _cluster.PutIngress(
            "one",
            Rule("a.example.com", To("a")),
            Rule("*.wild.example.com", To("wild")),
            Rule("*.z.wild.example.com", To("deeper"))
        );

        ServiceAt(Build().External, host, "/").Should().Be(service);
    }

    [Test]
    public void A_rule_without_hosts_takes_what_no_other_takes()
    {
        _cluster.PutIngress(
            "one",
            new IngressRule { Http = new HttpIngressRuleValue { Paths = [To("any")] } },
            Rule("a.example.com", To("a"))
        );

        var table = Build();

        ServiceAt(table.External, "b.example.com", "/").Should().Be("any");
        ServiceAt(table.External, "a.example.com", "/").Should().Be("a");
    }

    [TestCase("/", "root")]
    [TestCase("/v1", "v1")]
    [TestCase("/v1/deep/er", "deep")]
    [TestCase("/v2", "root")]
    public void Takes_the_longest_prefix(string path, string service)
    {
        _cluster.PutIngress("one", Rule("a.b", To("root"), To("v1") with { Path = "/v1" }, To("deep") with { Path = "/v1/deep" }));

        ServiceAt(Build().External, "a.b", path).Should().Be(service);
    }

    [Test]
    public void Header_matches_go_before_routes_without_and_compare_values_exactly()
    {
        _cluster.PutIngress(
            "one",
            Rule(
                "a.b",
                To("all"),
                To("tagged") with
                {
                    Headers = new Dictionary<string, HeaderMatch> { ["Knative-Serving-Tag"] = new() { Exact = "blue" } },
                }
            )
        );
        var hosts = Build().External;

        ServiceAt(hosts, "a.b", "/", ("knative-serving-tag", "blue")).Should().Be("tagged");
        ServiceAt(hosts, "a.b", "/", ("Knative-Serving-Tag", "Blue")).Should().Be("all");
        ServiceAt(hosts, "a.b", "/").Should().Be("all");
    }

    [Test]
    public void Cluster_local_rules_are_only_inside_and_known_by_short_names()
    {
        _cluster.PutIngress(
            "one",
            Rule("hello.default.svc.cluster.local", To("a")) with
            {
                Visibility = "ClusterLocal",
            },
            Rule("hello.default.example.com", To("a"))
        );

        var table = Build();

        foreach (var host in (string[])["hello.default.svc.cluster.local", "hello.default.svc", "hello.default"])
        {
            ServiceAt(table.ClusterLocal, host, "/").Should().Be("a");
            ServiceAt(table.External, host, "/").Should().BeNull();
        }

        ServiceAt(table.ClusterLocal, "hello.default.example.com", "/").Should().Be("a", "the outside's hosts are served inside too");
    }

    [Test]
    public void Ignores_other_classes_and_none()
    {
        var ours = NewIngress("ours", Rule("ours", To("a")));
        _cluster.Put(
            Resources.Ingresses,
            ours with
            {
                Metadata = ours.Metadata with { Name = "none", Annotations = Empty.Map },
                Spec = new IngressSpec { Rules = [Rule("none", To("a"))] },
            }
        );
        _cluster.Put(
            Resources.Ingresses,
            ours with
            {
                Metadata = ours.Metadata with
                {
                    Name = "other",
                    Annotations = new Dictionary<string, string> { ["networking.knative.dev/ingress-class"] = "other" },
                },
                Spec = new IngressSpec { Rules = [Rule("other", To("a"))] },
            }
        );
        _cluster.Put(Resources.Ingresses, ours);

        var table = Build();

        table.Ingresses.Keys.Should().Equal(new ObjectKey("default", "ours"));
        ServiceAt(table.External, "none", "/").Should().BeNull();
    }

    [Test]
    public void A_host_belongs_to_the_oldest_Ingress_that_names_it()
    {
        _cluster.PutIngress("z", Rule("shared", To("first")));
        _time.Advance(TimeSpan.FromSeconds(5));
        _cluster.PutIngress("a", Rule("shared", To("second")), Rule("own", To("second")));

        var table = Build();

        ServiceAt(table.External, "shared", "/").Should().Be("first");
        ServiceAt(table.External, "own", "/").Should().BeNull("an Ingress is refused whole");
        table.Ingresses[new ObjectKey("default", "a")].Conflict.Should().Be("shared");
        table.Ingresses[new ObjectKey("default", "z")].Conflict.Should().BeNull();
    }

    [Test]
    public void Splits_follow_their_percentages_exactly()
    {
        _cluster.PutIngress(
            "one",
            Rule("a.b", new HttpIngressPath { Splits = [Share("a", 90), Share("none", 0), Share("b", 9), Share("c", 1)] })
        );
        var route = Build().External.Find("a.b")!.Match("/", new HeaderDictionary())!;

        var counts = Enumerable.Range(0, 1000).Select(i => route.Choose(i / 1000d)!.Revision!).CountBy(name => name).ToDictionary();

        counts
            .Should()
            .BeEquivalentTo(
                new Dictionary<string, int>
                {
                    ["a"] = 900,
                    ["b"] = 90,
                    ["c"] = 10,
                }
            );
    }

    [Test]
    public void A_lone_split_without_percentage_takes_all()
    {
        _cluster.PutIngress("one", Rule("a.b", new HttpIngressPath { Splits = [Share("a", 0)] }));

        ServiceAt(Build().External, "a.b", "/").Should().Be("a");
    }

    [Test]
    public void Is_available_when_every_backend_with_traffic_has_an_endpoint()
    {
        var key = new ObjectKey("default", "one");
        _cluster.PutIngress("one", Rule("a.b", new HttpIngressPath { Splits = [Share("a", 100), Share("idle", 0)] }));

        Build().Ingresses[key].Available.Should().BeFalse();
        _cluster.PutService("a");
        Build().Ingresses[key].Available.Should().BeFalse();
        _cluster.PutEndpoints("a", new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 1));
        Build().Ingresses[key].Available.Should().BeTrue();
    }

    [Test]
    public void A_new_version_waits_for_its_backends_but_not_forever()
    {
        _cluster.PutService("a");
        _cluster.PutEndpoints("a", new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 1));
        var ingress = _cluster.PutIngress("one", Rule("a.b", To("a")));
        var before = Build().Ingresses[new ObjectKey("default", "one")].Hash;
        _cluster.Put(
            Resources.Ingresses,
            ingress with
            {
                Metadata = ingress.Metadata with { Generation = 2 },
                Spec = new IngressSpec { Rules = [Rule("a.b", To("b"))] },
            }
        );

        var waiting = Build();

        ServiceAt(waiting.External, "a.b", "/").Should().Be("a");
        waiting.Ingresses[new ObjectKey("default", "one")].Hash.Should().Be(before);
        _builder.NextDeadline.Should().Be(_time.GetUtcNow() + RouteTableBuilder.SwitchTimeout);

        _time.Advance(RouteTableBuilder.SwitchTimeout);
        ServiceAt(Build().External, "a.b", "/").Should().Be("b");
    }

    [Test]
    public void An_Ingress_that_moved_to_another_class_is_served_until_that_class_serves_it()
    {
        var ingress = NewIngress("one", Rule("a.b", To("a")));
        var moved = ingress with
        {
            Metadata = ingress.Metadata with
            {
                Annotations = new Dictionary<string, string> { ["networking.knative.dev/ingress.class"] = "other.example.com" },
            },
            Status = StatusOf(Served.Public, Served.Private),
        };
        _cluster.Put(Resources.Ingresses, moved);
        ServiceAt(Build().External, "a.b", "/").Should().Be("a");

        IngressLoadBalancerAddress other = new() { DomainInternal = "other.example.svc.cluster.local" };
        _cluster.Put(Resources.Ingresses, moved with { Status = StatusOf(other, other) });
        ServiceAt(Build().External, "a.b", "/").Should().BeNull();

        _cluster.Put(Resources.Ingresses, moved with { Status = new IngressStatus() });
        ServiceAt(Build().External, "a.b", "/").Should().BeNull("it never was ours");
    }

    private static IngressStatus StatusOf(IngressLoadBalancerAddress outside, IngressLoadBalancerAddress inside) =>
        new()
        {
            PublicLoadBalancer = new IngressLoadBalancerStatus { Ingress = [outside] },
            PrivateLoadBalancer = new IngressLoadBalancerStatus { Ingress = [inside] },
        };

    [Test]
    public void A_new_version_takes_over_as_soon_as_its_backends_are_there()
    {
        _cluster.PutService("a");
        _cluster.PutService("b");
        _cluster.PutEndpoints("a", new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 1));
        var ingress = _cluster.PutIngress("one", Rule("a.b", To("a")));
        Build();
        _cluster.Put(
            Resources.Ingresses,
            ingress with
            {
                Metadata = ingress.Metadata with { Generation = 2 },
                Spec = new IngressSpec { Rules = [Rule("a.b", To("b"))] },
            }
        );
        Build();

        _cluster.PutEndpoints("b", new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 1));

        ServiceAt(Build().External, "a.b", "/").Should().Be("b");
        _statistics.Snapshot().Select(traffic => traffic.Revision).Should().Equal("b");
    }

    [Test]
    public void A_removed_Ingress_is_no_longer_routed()
    {
        _cluster.PutIngress("one", Rule("a.b", To("a")));
        Build();

        _cluster.DeleteAsync(Resources.Ingresses, "default", "one", default);

        ServiceAt(Build().External, "a.b", "/").Should().BeNull();
        _statistics.Snapshot().Should().BeEmpty();
    }

    private static string? ServiceAt(HostTable hosts, string host, string path, params (string Name, string Value)[] headers)
    {
        var request = new HeaderDictionary();
        foreach (var (name, value) in headers)
        {
            request[name] = value;
        }

        return hosts.Find(host)?.Match(path, request)?.Choose(0)?.Revision;
    }

    private RouteTable Build()
    {
        var known = _builder.Table.Ingresses.Keys.Concat(_cluster.All(Resources.Ingresses).Select(ingress => ObjectKey.Of(ingress)));
        _builder.Apply(known, key => _cluster.Find(Resources.Ingresses, key.Namespace, key.Name));
        return _builder.Table;
    }
}
