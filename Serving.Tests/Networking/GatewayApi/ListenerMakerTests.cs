using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Core;
using Serving.Api.GatewayApi;
using Serving.Api.Networking;
using Serving.Networking.GatewayApi.Makers;

namespace Serving.Tests.Networking.GatewayApi;

/// <summary>The listeners of an Ingress in a Gateway of somebody else.</summary>
public sealed class ListenerMakerTests
{
    private static readonly Ingress Hello = new()
    {
        Metadata = new ObjectMeta
        {
            Namespace = "default",
            Name = "hello",
            Uid = "uid-1",
        },
        Spec = new IngressSpec
        {
            Tls =
            [
                new IngressTls { Hosts = ["a.example.com", "b.example.com"], SecretName = "one" },
                new IngressTls { Hosts = ["b.example.com", "c.example.com"], SecretName = "two" },
            ],
        },
    };

    [Test]
    public void Each_host_with_a_certificate_has_a_listener_with_a_name_of_its_own()
    {
        var listeners = ListenerMaker.Make(Hello, ["a.example.com", "c.example.com", "plain.example.com", "b.example.com"]);

        listeners.Select(static listener => listener.Hostname).Should().Equal("a.example.com", "c.example.com", "b.example.com");
        listeners.Select(static listener => listener.Tls!.CertificateRefs.Single().Name).Should().Equal("one", "two", "one");
        listeners[0].Name.Should().Be("kni-uid-1", "a Gateway that Knative's controller wrote is not written again");
        listeners.Select(static listener => listener.Name).Should().OnlyHaveUniqueItems();
        listeners.Should().OnlyContain(static listener => listener.Tls!.CertificateRefs[0].Namespace == "default");
    }

    [Test]
    public void Listeners_of_others_stay_in_their_order()
    {
        var others = new[] { Listener("http"), Listener("kni-uid-2"), Listener("tls") };
        var wanted = ListenerMaker.Make(Hello, ["a.example.com"]);

        var added = ListenerMaker.Exchange(others, Hello, wanted);
        Names(added).Should().Equal("http", "kni-uid-2", "tls", "kni-uid-1");

        var changed = ListenerMaker.Exchange([added[3], added[0]], Hello, ListenerMaker.Make(Hello, ["c.example.com"]));
        Names(changed).Should().Equal("kni-uid-1", "http");
        changed[0].Hostname.Should().Be("c.example.com");

        Names(ListenerMaker.Exchange(added, Hello, [])).Should().Equal("http", "kni-uid-2", "tls");
    }

    [TestCase("", "a.example.com", true)]
    [TestCase("a.example.com", "a.example.com", true)]
    [TestCase("b.example.com", "a.example.com", false)]
    [TestCase("*.example.com", "a.example.com", true)]
    [TestCase("*.example.com", "a.b.example.com", true)]
    [TestCase("*.example.com", "example.com", false)]
    public void A_listener_serves_the_hosts_that_its_hostname_covers(string hostname, string host, bool serves) =>
        ListenerMaker.Serves(Listener("any") with { Hostname = hostname }, host).Should().Be(serves);

    private static IEnumerable<string> Names(IEnumerable<GatewayListener> listeners) => listeners.Select(static listener => listener.Name);

    private static GatewayListener Listener(string name) =>
        new()
        {
            Name = name,
            Port = 80,
            Protocol = "HTTP",
        };
}
