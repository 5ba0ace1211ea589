using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Core;
using Serving.LocalCluster.Controllers.Endpoints;
using static Serving.Tests.LocalCluster.Controllers.Samples;

namespace Serving.Tests.LocalCluster.Controllers;

public sealed class EndpointsMakerTests
{
    private static readonly Pod Ready = Pod("ready", "127.0.9.1", ready: true);
    private static readonly Pod Unready = Pod("unready", "127.0.9.2");
    private static readonly Pod Leaving = Pod("leaving", "127.0.9.3", ready: true)
        .With(metadata => metadata with { DeletionTimestamp = Noon });

    [Test]
    public void Endpoints_tell_ready_addresses_from_others_and_leave_out_pods_that_go()
    {
        var made = EndpointsMaker.MakeEndpoints(Service(Port("http", 80, 8012)), [Unready, Leaving, Ready]);

        made.Metadata.Should()
            .Match<ObjectMeta>(metadata => metadata.Name == "s" && metadata.Namespace == "ns" && metadata.Labels["team"] == "blue");
        var subset = made.Subsets.Should().ContainSingle().Subject;
        subset.Addresses.Select(address => address.Ip).Should().Equal("127.0.9.1");
        subset.NotReadyAddresses.Select(address => address.Ip).Should().Equal("127.0.9.2");
        subset
            .Ports.Should()
            .Equal(
                new EndpointPort
                {
                    Name = "http",
                    Port = 8012,
                    Protocol = "TCP",
                }
            );
        subset
            .Addresses[0]
            .TargetRef.Should()
            .Be(
                new ObjectReference
                {
                    Kind = "Pod",
                    Namespace = "ns",
                    Name = "ready",
                    Uid = "uid-ready",
                }
            );
    }

    [Test]
    public void A_slice_says_of_every_pod_whether_it_serves_and_whether_it_goes()
    {
        var slice = EndpointsMaker.MakeSlices(Service(Port("http", 80, 8012)), [Ready, Unready, Leaving]).Should().ContainSingle().Subject;

        slice
            .Endpoints.Select(endpoint => endpoint.Conditions)
            .Should()
            .Equal(
                new EndpointConditions
                {
                    Ready = true,
                    Serving = true,
                    Terminating = false,
                },
                new EndpointConditions
                {
                    Ready = false,
                    Serving = false,
                    Terminating = false,
                },
                new EndpointConditions
                {
                    Ready = false,
                    Serving = true,
                    Terminating = true,
                }
            );
        slice
            .Metadata.Labels.Should()
            .Contain("kubernetes.io/service-name", "s")
            .And.Contain("endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io");
        slice.Metadata.OwnerReferences.Should().ContainSingle().Which.Uid.Should().Be("uid-s");
        slice.AddressType.Should().Be("IPv4");
    }

    [Test]
    public void A_Service_that_publishes_addresses_that_are_not_ready_has_them_all_ready()
    {
        var service = Service(Port("http", 80, 8012)).With(spec => spec with { PublishNotReadyAddresses = true });

        EndpointsMaker.MakeEndpoints(service, [Ready, Unready, Leaving]).Subsets.Single().Addresses.Should().HaveCount(3);
        EndpointsMaker.MakeSlices(service, [Unready]).Single().Endpoints.Single().Conditions!.Ready.Should().BeTrue();
    }

    [TestCase(null, 80)]
    [TestCase("0", 80)]
    [TestCase("8080", 8080)]
    [TestCase("http", 8012)]
    public void A_target_port_is_a_number_a_name_or_the_port_itself(string? target, int port)
    {
        IntOrString? wanted =
            target is null ? null
            : int.TryParse(target, out var number) ? number
            : target;

        EndpointsMaker.MakeSlices(Service(Port("http", 80, wanted)), [Ready]).Single().Ports.Single().Port.Should().Be(port);
    }

    [Test]
    public void A_port_that_a_pod_does_not_name_is_left_out() =>
        EndpointsMaker
            .MakeSlices(Service(Port("http", 80, 8012), Port("metrics", 9090, "metrics")), [Ready])
            .Single()
            .Ports.Select(port => port.Name)
            .Should()
            .Equal("http");

    [Test]
    public void Pods_whose_ports_differ_are_in_slices_of_their_own()
    {
        var other = Pod("other", "127.0.9.4", ready: true);
        other = other with
        {
            Spec = other.Spec! with
            {
                Containers = [new Container { Name = "c", Ports = [new ContainerPort { Name = "http", Number = 8013 }] }],
            },
        };

        var slices = EndpointsMaker.MakeSlices(Service(Port("http", 80, "http")), [Ready, other]);

        slices.Select(slice => slice.Ports.Single().Port).Should().Equal(8012, 8013);
        slices.Select(slice => slice.Metadata.Name).Should().OnlyHaveUniqueItems();
    }

    [TestCase("", "Running")]
    [TestCase("127.0.9.5", "Succeeded")]
    [TestCase("127.0.9.5", "Failed")]
    public void A_pod_without_address_or_that_finished_is_no_endpoint(string ip, string phase)
    {
        var service = Service(Port("http", 80));

        EndpointsMaker.MakeEndpoints(service, [Pod("p", ip, ready: true, phase)]).Subsets.Should().BeEmpty();
        EndpointsMaker.MakeSlices(service, [Pod("p", ip, ready: true, phase)]).Should().ContainSingle().Which.Endpoints.Should().BeEmpty();
    }

    [Test]
    public void A_headless_Service_marks_what_it_makes()
    {
        var service = Service(Port("http", 80)).With(spec => spec with { ClusterIP = "None" });

        EndpointsMaker.MakeEndpoints(service, [Ready]).Metadata.Labels.Should().ContainKey("service.kubernetes.io/headless");
    }
}
