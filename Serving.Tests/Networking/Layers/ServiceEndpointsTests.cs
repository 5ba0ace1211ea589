using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Core;
using Serving.Networking.Layers;

namespace Serving.Tests.Networking.Layers;

public sealed class ServiceEndpointsTests
{
    private static readonly CoreService Service = new()
    {
        Spec = new CoreServiceSpec
        {
            Ports =
            [
                new ServicePort
                {
                    Name = "http2",
                    Port = 80,
                    TargetPort = 8081,
                },
                new ServicePort
                {
                    Name = "https",
                    Port = 443,
                    TargetPort = "tls",
                },
            ],
        },
    };

    private static readonly Endpoints Pods = new()
    {
        Subsets =
        [
            new EndpointSubset
            {
                Addresses = [new EndpointAddress { Ip = "10.0.0.1" }, new EndpointAddress { Ip = "fd00::1" }],
                NotReadyAddresses = [new EndpointAddress { Ip = "10.0.0.9" }],
                Ports = [new EndpointPort { Name = "http2", Port = 8081 }, new EndpointPort { Name = "https", Port = 8444 }],
            },
        ],
    };

    [TestCase(80, "10.0.0.1:8081", "[fd00::1]:8081")]
    [TestCase(443, "10.0.0.1:8444", "[fd00::1]:8444")]
    [TestCase(8081, "10.0.0.1:8081", "[fd00::1]:8081")]
    public void Are_the_ready_pods_behind_a_port_or_at_the_port_it_leads_to(int port, params string[] expected) =>
        ServiceEndpoints.Of(Service, Pods, port)!.Select(static pod => pod.ToString()).Should().Equal(expected);

    [Test]
    public void There_are_none_without_Endpoints() => ServiceEndpoints.Of(Service, null, 80).Should().BeEmpty();

    [Test]
    public void A_port_that_the_Service_lacks_is_not_one_without_pods() => ServiceEndpoints.Of(Service, Pods, 8444).Should().BeNull();
}
