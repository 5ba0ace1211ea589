using System.Net;
using System.Net.Sockets;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Host.DefaultDomains;
using Serving.Tests.Support;

namespace Serving.Tests.Host.DefaultDomains;

/// <summary>Where clients outside reach the gateway, for each type of its Service.</summary>
internal sealed class GatewayAddressFinderTests
{
    private static readonly Dictionary<string, string[]> Dns = new()
    {
        ["lb.example.com"] = ["2001:db8::7", "203.0.113.8"],
        ["six.example.com"] = ["2001:db8::7"],
        ["empty.example.com"] = [],
    };

    private InMemoryCluster _cluster = null!;

    [SetUp]
    public void SetUp()
    {
        _cluster = new InMemoryCluster();
        _cluster.PutPod();
    }

    [TestCase("203.0.113.7", "203.0.113.7")]
    [TestCase("203.0.113.8", "lb.example.com")]
    [TestCase("2001:db8::7", "six.example.com")]
    [TestCase("203.0.113.8", "unknown.example.com", "lb.example.com")]
    [TestCase("2001:db8::1", "2001:db8::1")]
    [TestCase("203.0.113.7", "2001:db8::1", "203.0.113.7")]
    [TestCase("203.0.113.7", "lb.example.com", "203.0.113.7")]
    public async Task A_load_balancer_has_an_address_or_a_name_that_resolves_and_IPv4_is_preferred(string expected, params string[] ingress)
    {
        _cluster.PutGateway("LoadBalancer", ingress);

        var found = await FindAsync();

        found.Address.Should().Be(IPAddress.Parse(expected));
        found.Port.Should().Be(80);
        found.Text.Should().Contain("Service knative-serving/gateway").And.Contain("status.loadBalancer.ingress");
    }

    [Test]
    public async Task A_load_balancer_without_an_address_is_named_with_the_field_and_the_alternatives()
    {
        _cluster.PutGateway("LoadBalancer");

        var missing = await FindAsync();

        missing.Address.Should().BeNull();
        missing
            .Text.Should()
            .StartWith("Service knative-serving/gateway: status.loadBalancer.ingress has no address")
            .And.Contain("serving-nodeport.yaml")
            .And.Contain("serving-hostport.yaml");
    }

    [TestCase("unknown.example.com")]
    [TestCase("empty.example.com")]
    public async Task A_name_that_does_not_resolve_is_named(string host)
    {
        _cluster.PutGateway("LoadBalancer", host);

        var missing = await FindAsync();

        missing.Address.Should().BeNull();
        missing.Text.Should().StartWith("Service knative-serving/gateway:").And.Contain(host);
    }

    [Test]
    public async Task A_node_port_is_reached_at_a_node_that_runs_the_gateway_by_its_external_address_if_any_has_one()
    {
        _cluster.PutGateway("NodePort");
        _cluster.PutPod("serving-b", "node-b");
        _cluster.PutPod("serving-c", "node-c", ready: false);
        _cluster.PutNode("node-a", "Hostname=node-a", "InternalIP=10.0.0.1");
        _cluster.PutNode("node-b", "InternalIP=10.0.0.2", "ExternalIP=198.51.100.2");
        _cluster.PutNode("node-c", "ExternalIP=198.51.100.1");

        var found = await FindAsync();

        found.Address.Should().Be(IPAddress.Parse("198.51.100.2"), "no ready pod of the gateway is on node-c");
        found.Port.Should().Be(30080);
        found.Text.Should().Contain("Node node-b").And.Contain("Service knative-serving/gateway");
    }

    [Test]
    public async Task Without_external_addresses_it_is_the_internal_one_of_the_first_node_IPv4_before_IPv6()
    {
        _cluster.PutGateway("NodePort");
        _cluster.PutPod("serving-b", "node-b");
        _cluster.PutNode("node-a", "InternalIP=fd00::1", "InternalIP=10.0.0.1");
        _cluster.PutNode("node-b", "InternalIP=10.0.0.2");

        (await FindAsync()).Address.Should().Be(IPAddress.Parse("10.0.0.1"));
    }

    [Test]
    public async Task A_node_that_is_gone_is_passed_over_and_one_without_an_address_is_named()
    {
        _cluster.PutGateway("NodePort");
        _cluster.PutPod("serving-b", "node-b");
        _cluster.PutNode("node-b", "Hostname=node-b");

        var missing = await FindAsync();

        missing.Address.Should().BeNull();
        missing.Text.Should().Contain("node-b").And.Contain("status.addresses");
        _cluster.PutNode("node-b", "InternalIP=10.0.0.2");
        (await FindAsync()).Address.Should().Be(IPAddress.Parse("10.0.0.2"));
    }

    [TestCase(80)]
    [TestCase(8080)]
    public async Task A_host_port_is_reached_at_the_nodes_of_the_pods_that_have_it(int port)
    {
        _cluster.PutGateway("ClusterIP");
        _cluster.PutPod("serving-b", "node-b", hostPort: port);
        _cluster.PutNode("node-a", "InternalIP=10.0.0.1");
        _cluster.PutNode("node-b", "InternalIP=10.0.0.2");

        var found = await FindAsync();

        found.Address.Should().Be(IPAddress.Parse("10.0.0.2"), "the pod on node-a has no host port");
        found.Port.Should().Be(port);
    }

    [Test]
    public async Task A_Service_for_the_cluster_alone_says_what_to_apply()
    {
        _cluster.PutGateway("ClusterIP");

        var missing = await FindAsync();

        missing.Address.Should().BeNull();
        missing
            .Text.Should()
            .StartWith("Service knative-serving/gateway: spec.type ClusterIP")
            .And.Contain("hostPort")
            .And.Contain("serving-nodeport.yaml");
    }

    [Test]
    public async Task A_Service_that_does_not_exist_is_named()
    {
        var missing = await FindAsync();

        missing.Address.Should().BeNull();
        missing.Text.Should().StartWith("Service knative-serving/gateway does not exist");
    }

    [Test]
    public async Task There_is_no_address_before_a_pod_is_ready()
    {
        _cluster.PutGateway("LoadBalancer", "203.0.113.7");
        _cluster.PutPod(ready: false);

        var missing = await FindAsync();

        missing.Address.Should().BeNull();
        missing.Text.Should().StartWith("Service knative-serving/gateway: none of its 1 pods is ready");
    }

    [Test]
    public async Task A_Service_without_pods_of_its_own_is_refused()
    {
        _cluster.Put(
            Resources.Services,
            new CoreService
            {
                Metadata = new ObjectMeta { Namespace = GatewayObjects.Namespace, Name = "gateway" },
                Spec = new CoreServiceSpec { Type = "ExternalName", ExternalName = "elsewhere.example.com" },
            }
        );

        (await FindAsync()).Text.Should().StartWith("Service knative-serving/gateway: spec.selector selects no pods");
    }

    private Task<GatewayLookup> FindAsync() =>
        new GatewayAddressFinder(_cluster, GatewayObjects.Namespace, "gateway", ResolveAsync).FindAsync(CancellationToken.None);

    private static Task<IPAddress[]> ResolveAsync(string host, CancellationToken cancellation) =>
        Dns.TryGetValue(host, out var addresses)
            ? Task.FromResult(addresses.Select(IPAddress.Parse).ToArray())
            : Task.FromException<IPAddress[]>(new SocketException((int)SocketError.HostNotFound));
}
