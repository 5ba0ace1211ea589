using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.ConfigMaps;
using Serving.Host.DefaultDomains;

namespace Serving.Tests.Host.DefaultDomains;

/// <summary>The names that sslip.io resolves: an address, with dashes when it is an IPv6 address.</summary>
internal sealed class MagicDomainTests
{
    [TestCase("203.0.113.7", "203.0.113.7.sslip.io")]
    [TestCase("127.0.0.1", "127.0.0.1.sslip.io")]
    [TestCase("::ffff:203.0.113.7", "203.0.113.7.sslip.io")]
    [TestCase("2a01:4f8:c17:b8f::2", "2a01-4f8-c17-b8f--2.sslip.io")]
    [TestCase("2001:DB8:1:2:3:4:5:6", "2001-db8-1-2-3-4-5-6.sslip.io")]
    [TestCase("::1", "0--1.sslip.io")]
    [TestCase("fd00::", "fd00--0.sslip.io")]
    [TestCase("fe80::1%3", "fe80--1.sslip.io")]
    [TestCase("fe80::5efe:192.0.2.1", "fe80-0-0-0-0-5efe-c000-201.sslip.io")]
    public void A_domain_contains_the_address_and_is_one_that_config_domain_accepts(string address, string expected)
    {
        var domain = MagicDomain.Of(IPAddress.Parse(address), "sslip.io");

        domain.Should().Be(expected);
        var config = DomainConfigParser.Parse(new Dictionary<string, string> { [domain] = "" });
        config.LookupDomainForLabels(new Dictionary<string, string>()).Should().Be(expected);
    }

    [Test]
    public void Another_DNS_service_may_be_named() =>
        MagicDomain.Of(IPAddress.Parse("203.0.113.7"), "nip.io").Should().Be("203.0.113.7.nip.io");
}
