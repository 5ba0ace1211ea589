using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Dataplane.ProxyProtocol;

namespace Serving.Tests.Dataplane.ProxyProtocol;

public sealed class ProxyHeaderWriterTests
{
    private const string Signature = "0D0A0D0A000D0A515549540A";

    [Test]
    public void The_header_names_both_ends_in_network_order() =>
        Convert
            .ToHexString(
                ProxyHeaderWriter.Proxied(
                    new IPEndPoint(IPAddress.Parse("10.1.2.3"), 0x1234),
                    new IPEndPoint(IPAddress.Parse("10.4.5.6"), 80)
                )
            )
            .Should()
            .Be(Signature + "21" + "11" + "000C" + "0A010203" + "0A040506" + "1234" + "0050");

    [Test]
    public void The_header_has_room_for_IPv6_and_shows_mapped_addresses_as_IPv4()
    {
        var six = ProxyHeaderWriter.Proxied(new IPEndPoint(IPAddress.IPv6Loopback, 1), new IPEndPoint(IPAddress.IPv6Loopback, 2));
        Convert.ToHexString(six)[24..32].Should().Be("21210024");
        six.Should().HaveCount(16 + 36);

        var mapped = new IPEndPoint(IPAddress.Parse("10.0.0.1").MapToIPv6(), 1);
        Convert.ToHexString(ProxyHeaderWriter.Proxied(mapped, mapped))[24..32].Should().Be("2111000C");
    }

    [Test]
    public void The_header_of_a_probe_names_nobody() =>
        Convert.ToHexString(ProxyHeaderWriter.Local()).Should().Be(Signature + "20" + "00" + "0000");
}
