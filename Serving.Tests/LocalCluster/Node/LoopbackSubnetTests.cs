using System.Net;
using System.Net.Sockets;
using FluentAssertions;
using NUnit.Framework;
using Serving.LocalCluster;
using Serving.LocalCluster.Node;

namespace Serving.Tests.LocalCluster.Node;

public sealed class LoopbackSubnetTests
{
    [Test]
    public void Two_instances_have_different_subnets()
    {
        using var one = LoopbackSubnet.Claim();
        using var two = LoopbackSubnet.Claim();

        one.Prefix.Should().StartWith("127.").And.NotBe(two.Prefix).And.NotBe("127.0.0");
    }

    [Test]
    public void A_subnet_in_which_somebody_listens_is_left_out()
    {
        var first = LoopbackSubnet.Claim();
        using var stranger = new TcpListener(first.HostAddress(2), 0);
        stranger.Start();
        first.Dispose();

        using var next = LoopbackSubnet.Claim();

        next.Prefix.Should().NotBe(first.Prefix);
    }

    [Test]
    public void A_subnet_that_is_taken_names_its_holder()
    {
        using var one = LoopbackSubnet.Claim();

        FluentActions
            .Invoking(() => LoopbackSubnet.Claim(one.Prefix))
            .Should()
            .Throw<InvalidOperationException>()
            .WithMessage($"*{one.Prefix}.* are in use by process {Environment.ProcessId} (*");
    }

    [Test]
    public void A_subnet_is_free_again_when_it_was_given_back()
    {
        var one = LoopbackSubnet.Claim();
        one.Dispose();

        using var again = LoopbackSubnet.Claim(one.Prefix);
        again.Prefix.Should().Be(one.Prefix);
    }

    [Test]
    public void What_an_instance_had_is_not_the_next_ones_but_its_own_again()
    {
        var file = Path.GetTempFileName();
        var one = LoopbackSubnet.ClaimAgain(file);
        one.Dispose();
        using (var stranger = LoopbackSubnet.Claim())
        {
            stranger.Prefix.Should().NotBe(one.Prefix, "clients of the one would take it for it");
        }

        using var again = LoopbackSubnet.ClaimAgain(file);
        using var third = LoopbackSubnet.ClaimAgain(file);
        again.Prefix.Should().Be(one.Prefix);
        third.Prefix.Should().NotBe(one.Prefix, "it is taken");
        File.Delete(file);
    }

    [TestCase("127.0.0")]
    [TestCase("10.1.2")]
    [TestCase("127.1")]
    [TestCase("")]
    public void Refuses_what_is_no_loopback_subnet_of_its_own(string prefix) =>
        FluentActions.Invoking(() => LoopbackSubnet.Claim(prefix)).Should().Throw<InvalidOperationException>();

    [Test]
    public void An_address_given_back_is_not_given_out_at_once()
    {
        using var subnet = LoopbackSubnet.Claim();
        var first = subnet.AllocatePodAddress()!;
        subnet.Release(first);

        var next = Enumerable.Range(0, 244).Select(_ => subnet.AllocatePodAddress()!).ToList();
        next.Should().OnlyHaveUniqueItems().And.NotContain(first);
        next.Should().OnlyContain(address => address.GetAddressBytes()[3] >= 10);
        subnet.AllocatePodAddress().Should().Be(first);
        subnet.AllocatePodAddress().Should().BeNull();
    }

    [Test]
    public void An_address_in_use_names_the_holder()
    {
        using var subnet = LoopbackSubnet.Claim();
        using var listener = new TcpListener(subnet.HostAddress(2), 0);
        listener.Start();
        var endpoint = (IPEndPoint)listener.LocalEndpoint;

        AddressHolder.Of(endpoint).Should().StartWith($"process {Environment.ProcessId} (");
        AddressHolder.Of(new IPEndPoint(subnet.HostAddress(3), endpoint.Port)).Should().BeNull();
    }

    [Test]
    public void A_listener_on_all_addresses_holds_every_one()
    {
        using var subnet = LoopbackSubnet.Claim();
        using var listener = new TcpListener(IPAddress.Any, 0);
        listener.Start();

        AddressHolder
            .Of(new IPEndPoint(subnet.HostAddress(2), ((IPEndPoint)listener.LocalEndpoint).Port))
            .Should()
            .StartWith($"process {Environment.ProcessId} (");
    }
}
