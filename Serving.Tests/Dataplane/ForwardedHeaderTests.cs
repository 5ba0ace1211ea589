using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Dataplane.Requests;

namespace Serving.Tests.Dataplane;

[TestFixture]
public sealed class ForwardedHeaderTests
{
    [TestCase("127.0.0.1", "", "", "for=127.0.0.1")]
    [TestCase("127.0.0.1", "http", "", "for=127.0.0.1;proto=http")]
    [TestCase("127.0.0.1", "http", "example.com", "for=127.0.0.1;host=example.com;proto=http")]
    [TestCase("127.0.0.1, 10.0.0.1", "https", "example.com", "for=127.0.0.1;host=example.com;proto=https, for=10.0.0.1")]
    [TestCase("2001:db8:cafe::17", "", "", "for=\"[2001:db8:cafe::17]\"")]
    [TestCase("", "https", "example.com", "host=example.com;proto=https")]
    public void Is_built_from_the_older_headers(string nodes, string protocol, string host, string expected)
    {
        var headers = new HeaderDictionary();
        if (nodes.Length > 0)
            headers["X-Forwarded-For"] = nodes;
        if (protocol.Length > 0)
            headers["X-Forwarded-Proto"] = protocol;
        if (host.Length > 0)
            headers["X-Forwarded-Host"] = host;
        ForwardedHeader.For(headers).Should().Be(expected);
    }

    [Test]
    public void Is_left_alone_when_there_is_one() =>
        ForwardedHeader.For(new HeaderDictionary { ["Forwarded"] = "for=a", ["X-Forwarded-For"] = "b" }).Should().BeNull();

    [Test]
    public void Is_not_made_of_nothing() => ForwardedHeader.For(new HeaderDictionary()).Should().BeNull();
}
