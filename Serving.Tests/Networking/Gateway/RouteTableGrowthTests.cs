using System.Net;
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

/// <summary>A change costs only the Ingresses that it concerns, and the table is still the one that all of them together give.</summary>
[Category("Slow")]
public sealed class RouteTableGrowthTests
{
    private static readonly IPEndPoint Somewhere = new(IPAddress.Loopback, 1);

    private static readonly ServedIngresses Served = new(
        new GatewayOptions(Somewhere, Somewhere),
        new ClusterEnvironment("knative-serving", "cluster.local", "serving-0", IPAddress.Loopback)
    );

    private readonly ManualTimeProvider _time = new();
    private InMemoryCluster _cluster = null!;
    private BackendRegistry _backends = null!;
    private GatewayStatistics _statistics = null!;
    private RouteTableBuilder _builder = null!;
    private HashSet<ObjectKey> _changed = [];
    private HashSet<Backend> _available = [];

    [SetUp]
    public void SetUp()
    {
        _cluster = new InMemoryCluster(_time);
        _statistics = new GatewayStatistics();
        _backends = Registry();
        _builder = new RouteTableBuilder(
            new IngressCompiler(_backends, _statistics, "cluster.local"),
            _backends,
            _statistics,
            Served,
            _time
        );
        _changed = [];
        _available = [];
        _backends.AvailabilityChanged += _available.UnionWith;
        _cluster.For(Resources.Ingresses).AddHandler(change => _changed.Add(change.Key));
    }

    [TearDown]
    public void TearDown() => _backends.Dispose();

    [Test]
    public void One_change_among_a_thousand_Ingresses_compiles_one()
    {
        for (var i = 0; i < 1000; i++)
        {
            PutService(i, version: 1);
        }

        Apply();
        _builder.Compiled.Should().Be(1000);

        _cluster.PutService("service-500");
        _cluster.PutEndpoints("service-500", Somewhere);
        PutService(500, version: 2);
        Apply().Should().Equal(new ObjectKey("default", "service-500"));

        _builder.Compiled.Should().Be(1001);
        _builder.Table.External.Find("service-500.example.com").Should().NotBeNull();
        _builder.Table.External.Find("service-501.example.com").Should().NotBeNull();
    }

    [Test]
    public void An_Ingress_that_cannot_be_compiled_keeps_its_version_and_the_others_change()
    {
        PutService(1, version: 1);
        PutService(2, version: 1);
        Apply();
        var good = _builder.Table.External.Find("service-1.example.com");
        var failed = new List<ObjectKey>();

        var changed = _builder.Apply(
            [new("default", "service-1"), new("default", "service-2")],
            key => key.Name == "service-1" ? throw new InvalidOperationException("broken") : null,
            failed: (key, _) => failed.Add(key)
        );

        failed.Should().Equal(new ObjectKey("default", "service-1"));
        changed.Should().Equal(new ObjectKey("default", "service-2"));
        _builder.Table.External.Find("service-1.example.com").Should().BeSameAs(good);
        _builder.Table.External.Find("service-2.example.com").Should().BeNull();
    }

    [Test]
    public void An_endpoint_that_comes_or_goes_compiles_nothing_and_concerns_the_Ingresses_of_its_backend()
    {
        for (var i = 0; i < 100; i++)
        {
            PutService(i, version: 1);
            _cluster.PutService($"service-{i}");
        }

        Apply();
        var key = new ObjectKey("default", "service-7");
        _builder.Table.Ingresses[key].Available.Should().BeFalse();

        _cluster.PutEndpoints("service-7", Somewhere);
        Apply().Should().Equal(key);
        _builder.Table.Ingresses[key].Available.Should().BeTrue();

        _cluster.PutEndpoints("service-7");
        Apply().Should().Equal(key);
        _builder.Table.Ingresses[key].Available.Should().BeFalse();
        _builder.Compiled.Should().Be(100);
    }

    [Test]
    public void A_change_allocates_the_same_among_a_hundred_Ingresses_and_among_two_thousand()
    {
        long Cost(int count)
        {
            SetUp();
            for (var i = 0; i < count; i++)
            {
                PutService(i, version: 1);
            }

            Apply();
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 20; i++)
            {
                // As when an Ingress is updated: the same object with another generation.
                _changed.Add(new ObjectKey("default", $"service-{i}"));
                Apply(generation: 2);
            }

            return (GC.GetAllocatedBytesForCurrentThread() - before) / 20;
        }

        var few = Cost(100);
        var many = Cost(2000);

        // The dictionaries of 2,000 hosts are larger than those of 100, but there are 256 of them.
        many.Should().BeLessThan(3 * few, $"one change allocates {few} bytes among 100 Ingresses");
    }

    [Test]
    public void Nothing_is_left_of_deleted_Ingresses()
    {
        _cluster.PutService("other");
        for (var i = 0; i < 50; i++)
        {
            PutService(i, version: 1);
        }

        Apply();
        _backends.Count.Should().Be(50);
        _statistics.Snapshot().Should().HaveCount(50);
        foreach (var ingress in _cluster.All(Resources.Ingresses))
        {
            _cluster.DeleteAsync(Resources.Ingresses, "default", ingress.Metadata.Name, CancellationToken.None);
        }

        Apply();

        _backends.Count.Should().Be(0);
        _statistics.Snapshot().Should().BeEmpty();
        _builder.Table.Ingresses.Should().BeEmpty();
        _builder.Table.External.Find("service-7.example.com").Should().BeNull();
        _builder.NextDeadline.Should().BeNull();
    }

    [Test]
    public void An_Ingress_follows_the_endpoints_behind_an_alias()
    {
        _cluster.PutIngress("one", Rule("a.b", To("alias")));
        PutAlias("alias", "middle");
        PutAlias("middle", "real");
        _cluster.PutService("real");
        Apply();
        var key = new ObjectKey("default", "one");
        _builder.Table.Ingresses[key].Available.Should().BeFalse();
        _backends.Count.Should().Be(3);

        _cluster.PutEndpoints("real", Somewhere);
        Apply().Should().Equal(key);
        _builder.Table.Ingresses[key].Available.Should().BeTrue();

        PutAlias("alias", "alias");
        Apply().Should().Equal(key);
        _builder.Table.Ingresses[key].Available.Should().BeFalse();
        _backends.Count.Should().Be(1, "nothing refers to the others any more");

        _cluster.DeleteAsync(Resources.Ingresses, "default", "one", CancellationToken.None);
        Apply();
        _backends.Count.Should().Be(0);
    }

    [Test]
    public void A_host_that_gets_free_belongs_to_the_Ingress_that_waited_for_it()
    {
        _cluster.PutIngress("old", Rule("shared", To("first")), Rule("another", To("first")));
        _time.Advance(TimeSpan.FromSeconds(1));
        _cluster.PutIngress("middle", Rule("another", To("second")), Rule("chained", To("second")));
        _time.Advance(TimeSpan.FromSeconds(1));
        _cluster.PutIngress("young", Rule("chained", To("third")));
        Apply();
        ServiceAt(_builder.Table.External, "chained").Should().Be("third", "the middle one is rejected as a whole");

        _cluster.DeleteAsync(Resources.Ingresses, "default", "old", CancellationToken.None);
        Apply()
            .Should()
            .BeEquivalentTo([new ObjectKey("default", "old"), new ObjectKey("default", "middle"), new ObjectKey("default", "young")]);

        ServiceAt(_builder.Table.External, "another").Should().Be("second");
        ServiceAt(_builder.Table.External, "chained").Should().Be("second");
        ServiceAt(_builder.Table.External, "shared").Should().BeNull();
        _builder.Table.Ingresses[new ObjectKey("default", "young")].Conflict.Should().Be("chained");
    }

    /// <summary>Whatever happens in whatever order, the table equals that of a builder that sees the end state only.</summary>
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    [TestCase(4)]
    public void The_table_is_the_one_that_all_Ingresses_together_give(int seed)
    {
        var random = new Random(seed);
        string[] hosts = ["a.example.com", "b.example.com", "c.example.com", "*.example.com", "d.default.svc.cluster.local", "*"];
        for (var step = 0; step < 150; step++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            var name = $"ingress{random.Next(6)}";
            switch (random.Next(4))
            {
                case 0 when _cluster.Find(Resources.Ingresses, "default", name) is not null:
                    _cluster.DeleteAsync(Resources.Ingresses, "default", name, CancellationToken.None);
                    break;
                case 1:
                    var service = $"service{random.Next(4)}";
                    _cluster.PutService(service);
                    _cluster.PutEndpoints(service, random.Next(2) == 0 ? [] : [Somewhere]);
                    break;
                default:
                    Put(name, [.. hosts.Where(_ => random.Next(4) == 0).DefaultIfEmpty("z").Select(host => RuleOf(host, random.Next(4)))]);
                    break;
            }

            if (random.Next(3) == 0)
            {
                Apply();
            }
        }

        // New versions that wait for endpoints are in use after this.
        Apply();
        _time.Advance(RouteTableBuilder.SwitchTimeout);
        Apply();

        var registry = Registry();
        var afresh = new RouteTableBuilder(
            new IngressCompiler(registry, new GatewayStatistics(), "cluster.local"),
            registry,
            new GatewayStatistics(),
            Served,
            _time
        );
        afresh.Apply(_cluster.All(Resources.Ingresses).Select(ingress => ObjectKey.Of(ingress)), Find);
        _builder.Table.Ingresses.Should().BeEquivalentTo(afresh.Table.Ingresses);
        _builder.Table.Tls.Should().Equal(afresh.Table.Tls);
        foreach (var host in hosts.Select(host => host.Replace("*", "x", StringComparison.Ordinal)).Append("z").Append("d.default"))
        {
            ServiceAt(_builder.Table.External, host).Should().Be(ServiceAt(afresh.Table.External, host), host);
            ServiceAt(_builder.Table.ClusterLocal, host).Should().Be(ServiceAt(afresh.Table.ClusterLocal, host), host);
        }

        _backends.Count.Should().Be(registry.Count);
        registry.Dispose();
    }

    private static IngressRule RuleOf(string host, int service) =>
        (
            host == "*"
                ? new IngressRule { Http = new HttpIngressRuleValue { Paths = [To($"service{service}")] } }
                : Rule(host, To($"service{service}"))
        ) with
        {
            Visibility = host.EndsWith(".cluster.local", StringComparison.Ordinal) ? "ClusterLocal" : "ExternalIP",
        };

    private static string? ServiceAt(HostTable hosts, string host) =>
        hosts.Find(host)?.Match("/", new HeaderDictionary())?.Choose(0)?.Revision;

    private BackendRegistry Registry() => new(_cluster, "cluster.local", "gateway-internal.knative-serving.svc.cluster.local", null);

    private void PutService(int number, long version) =>
        Put($"service-{number}", [Rule($"service-{number}.example.com", To($"service-{number}") with { Path = $"/v{version}" })]);

    /// <summary>Creates an Ingress, or replaces its rules and certificates, which is another generation.</summary>
    private void Put(string name, IReadOnlyList<IngressRule> rules)
    {
        var existing = _cluster.Find(Resources.Ingresses, "default", name);
        var ingress = existing ?? NewIngress(name, [.. rules]);
        _cluster.Put(
            Resources.Ingresses,
            ingress with
            {
                Metadata = ingress.Metadata with { Generation = (ingress.Metadata.Generation ?? 0) + 1 },
                Spec = new IngressSpec
                {
                    Rules = rules,
                    Tls =
                    [
                        .. rules
                            .Where(rule => rule.Hosts.Count > 0)
                            .Select(rule => new IngressTls { Hosts = rule.Hosts, SecretName = name }),
                    ],
                },
            }
        );
    }

    private void PutAlias(string name, string target) =>
        _cluster.Put(
            Resources.Services,
            new CoreService
            {
                ApiVersion = "v1",
                Kind = "Service",
                Metadata = new ObjectMeta { Namespace = "default", Name = name },
                Spec = new CoreServiceSpec
                {
                    Type = "ExternalName",
                    ExternalName = $"{target}.default.svc.cluster.local",
                    Ports = [new ServicePort { Name = "http", Port = 80 }],
                },
            }
        );

    private Ingress? Find(ObjectKey key) => _cluster.Find(Resources.Ingresses, key.Namespace, key.Name);

    private IReadOnlyCollection<ObjectKey> Apply(long? generation = null)
    {
        var (changed, available) = (_changed, _available);
        (_changed, _available) = ([], []);
        _backends.AvailabilityChanged -= available.UnionWith;
        _backends.AvailabilityChanged += _available.UnionWith;
        return _builder.Apply(changed, key => Find(key) is { } found ? WithGeneration(found, generation) : null, available);
    }

    private static Ingress WithGeneration(Ingress ingress, long? generation) =>
        generation is null ? ingress : ingress with { Metadata = ingress.Metadata with { Generation = generation } };
}
