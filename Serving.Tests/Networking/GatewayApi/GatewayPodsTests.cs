using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.GatewayApi;
using Serving.Networking.GatewayApi.Objects;
using Serving.Tests.Support;

namespace Serving.Tests.Networking.GatewayApi;

/// <summary>Where the data plane of a Gateway is found.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class GatewayPodsTests
{
    private static readonly GatewaySelection WithService = new("any", new ObjectName("edge", "public"), new ObjectName("edge", "proxy"));
    private readonly InMemoryCluster _cluster = new();
    private readonly GatewayPods _pods;

    public GatewayPodsTests() =>
        _pods = new GatewayPods(
            _cluster.For(GatewayApiResources.Gateways).Lister,
            _cluster.For(Resources.Endpoints).Lister,
            "cluster.local"
        );

    [TestCase(false, "metrics:9090 http2:8080 https:8443", "8080", TestName = "The_port_with_the_name_of_Istio_is_preferred")]
    [TestCase(false, "metrics:9090 http-80:8080", "8080", TestName = "The_port_with_the_name_of_Contour_is_preferred")]
    [TestCase(true, "http2:8080 https-443:8443", "8443", TestName = "The_port_for_HTTPS_is_preferred_for_HTTPS")]
    [TestCase(false, "metrics:9090 web:8080/http", "8080", TestName = "The_port_of_the_protocol_comes_next")]
    [TestCase(false, "web:8080 other:9090", "8080", TestName = "The_first_port_comes_last")]
    public async Task Finds_the_port(bool tls, string ports, string expected)
    {
        PutEndpoints([
            .. ports
                .Split(' ')
                .Select(static port => port.Split(':', '/'))
                .Select(static port => new EndpointPort
                {
                    Name = port[0],
                    Port = int.Parse(port[1]),
                    AppProtocol = port.Length > 2 ? port[2] : null,
                }),
        ]);

        var (pods, missing) = await _pods.FindAsync(WithService, tls, CancellationToken.None);

        pods.Select(static pod => pod.ToString()).Should().Equal($"10.0.0.1:{expected}", $"[fd00::1]:{expected}");
        missing.Should().BeNull();
    }

    [TestCase(null, "192.0.2.1", "192.0.2.1:443")]
    [TestCase("IPAddress", "192.0.2.1", "192.0.2.1:443")]
    public async Task An_address_is_used_where_there_is_no_Service(string? type, string value, string expected)
    {
        PutGateway(type, value);

        var (pods, _) = await _pods.FindAsync(WithService with { Service = null }, tls: true, CancellationToken.None);

        pods.Single().ToString().Should().Be(expected);
        _pods.AddressOf(WithService with { Service = null })!.Ip.Should().Be(value);
    }

    [Test]
    public async Task A_host_name_is_resolved_for_probes_and_told_to_Routes_as_it_is()
    {
        PutGateway("Hostname", "localhost");

        var (pods, _) = await _pods.FindAsync(WithService with { Service = null }, tls: false, CancellationToken.None);

        pods.Single().Port.Should().Be(80);
        _pods.AddressOf(WithService with { Service = null })!.DomainInternal.Should().Be("localhost");
    }

    [Test]
    public async Task A_host_name_that_nobody_knows_is_named()
    {
        PutGateway("Hostname", "nowhere.invalid");

        var (pods, missing) = await _pods.FindAsync(WithService with { Service = null }, tls: false, CancellationToken.None);

        pods.Should().BeEmpty();
        missing.Should().StartWith("the address nowhere.invalid of Gateway edge/public cannot be resolved");
    }

    private void PutGateway(string? type, string value) =>
        _cluster.Put(
            GatewayApiResources.Gateways,
            new KubernetesGateway
            {
                Metadata = new ObjectMeta { Namespace = "edge", Name = "public" },
                Spec = new GatewaySpec { GatewayClassName = "any", Listeners = [GatewayApiWorld.PlainListener] },
                Status = new GatewayStatus { Addresses = [new GatewayAddress { Type = type, Value = value }] },
            }
        );

    private void PutEndpoints(IReadOnlyList<EndpointPort> ports) =>
        _cluster.Put(
            Resources.Endpoints,
            new Endpoints
            {
                Metadata = new ObjectMeta { Namespace = "edge", Name = "proxy" },
                Subsets =
                [
                    new EndpointSubset
                    {
                        Addresses = [new EndpointAddress { Ip = "10.0.0.1" }, new EndpointAddress { Ip = "fd00::1" }],
                        Ports = ports,
                    },
                ],
            }
        );
}
