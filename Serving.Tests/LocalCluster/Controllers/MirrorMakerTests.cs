using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Core;
using Serving.LocalCluster.Controllers.Endpoints;
using static Serving.Tests.LocalCluster.Controllers.Samples;
using CoreEndpoints = Serving.Api.Core.Endpoints;

namespace Serving.Tests.LocalCluster.Controllers;

public sealed class MirrorMakerTests
{
    [Test]
    public void Every_set_of_ports_becomes_a_slice_with_its_ready_and_other_addresses()
    {
        var endpoints = new CoreEndpoints
        {
            Metadata = new ObjectMeta
            {
                Name = "s",
                Namespace = "ns",
                Labels = new Dictionary<string, string> { ["from"] = "hand" },
            },
            Subsets =
            [
                new EndpointSubset
                {
                    Addresses = [Address("127.0.9.1")],
                    NotReadyAddresses = [Address("127.0.9.2")],
                    Ports = [Port(8012)],
                },
                new EndpointSubset { Addresses = [Address("127.0.9.3")], Ports = [Port(8012)] },
                new EndpointSubset { Addresses = [Address("fd00::1")], Ports = [Port(8013)] },
            ],
        };

        var slices = MirrorMaker.MakeSlices(Service(), endpoints);

        slices.Should().HaveCount(2);
        slices[0]
            .Endpoints.Select(endpoint => (endpoint.Addresses.Single(), endpoint.Conditions!.Ready))
            .Should()
            .Equal(("127.0.9.1", true), ("127.0.9.2", false), ("127.0.9.3", true));
        slices[0]
            .Metadata.Labels.Should()
            .Contain("from", "hand")
            .And.Contain("endpointslice.kubernetes.io/managed-by", "endpointslicemirroring-controller.k8s.io");
        slices[1].AddressType.Should().Be("IPv6");
        slices[1].Ports.Single().Port.Should().Be(8013);
    }

    [Test]
    public void No_subset_makes_no_slice() => MirrorMaker.MakeSlices(Service(), new CoreEndpoints()).Should().BeEmpty();

    private static EndpointAddress Address(string ip) => new() { Ip = ip };

    private static EndpointPort Port(int number) =>
        new()
        {
            Name = "http",
            Port = number,
            Protocol = "TCP",
        };
}
