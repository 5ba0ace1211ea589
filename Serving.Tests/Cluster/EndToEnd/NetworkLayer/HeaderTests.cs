using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Networking;
using Serving.Networking.Layers;

namespace Serving.Tests.Cluster.EndToEnd.NetworkLayer;

/// <summary>Headers that an Ingress matches, sets and rewrites, and probe headers.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category("Slow")]
public sealed class HeaderTests : NetworkLayerTests
{
    private const string Tag = "Knative-Serving-Tag";

    [Test]
    public async Task A_probe_is_answered_with_the_hash_of_what_is_routed()
    {
        var host = NewHost();
        var ingress = await RouteAsync(Rule(host, To(Backends.Web(0))));

        (await ProbeAsync(host, "override")).Should().Be(IngressHash.Compute(ingress));
    }

    [Test]
    public async Task A_probe_with_a_hash_of_its_own_gets_that_back()
    {
        const string hash = "2701a1b241db6af811992c57a5e11171847148ac3d2e1a8cc992a62f9e4fa111";
        var host = NewHost();
        await RouteAsync(Rule(host, To(Backends.Web(0))));

        (await ProbeAsync(host, hash)).Should().Be(hash);
    }

    [Test]
    public async Task A_header_of_a_path_must_have_its_value()
    {
        var host = NewHost();
        await RouteAsync(
            Rule(
                host,
                ToNamed(Backends.Web(1)) with
                {
                    Headers = new Dictionary<string, HeaderMatch> { [Tag] = new() { Exact = "the-tag" } },
                },
                ToNamed(Backends.Web(2))
            )
        );

        (await AskAsync(host, "/", (Tag, "the-tag"))).Header(Which).Should().Be(Backends.Web(1));
        (await AskAsync(host)).Header(Which).Should().Be(Backends.Web(2));
        (await AskAsync(host, "/", (Tag, ""))).Header(Which).Should().Be(Backends.Web(2));
        (await AskAsync(host, "/", (Tag, "not-the-tag"))).Header(Which).Should().Be(Backends.Web(2));
    }

    [Test]
    public async Task A_header_that_a_path_sets_replaces_the_client_s()
    {
        var host = NewHost();
        await RouteAsync(Rule(host, To(Backends.Web(1)) with { AppendHeaders = new Dictionary<string, string> { [Which] = "set" } }));

        (await AskAsync(host)).Header(Which).Should().Be("set");
        (await AskAsync(host, "/", (Which, "bogus"))).Header(Which).Should().Be("set");
    }

    [Test]
    public async Task A_header_that_a_share_sets_replaces_the_client_s()
    {
        var host = NewHost();
        string[] services = [.. Enumerable.Range(0, 4).Select(Backends.Web)];
        await RouteAsync(Rule(host, new HttpIngressPath { Splits = [.. services.Select(static service => Named(service, 25))] }));

        // The probability that a hundred requests miss one of four backends is below one in a trillion.
        (await CountAsync(104, () => AskAsync(host)))
            .Keys.Should()
            .BeEquivalentTo(services);
        (await CountAsync(104, () => AskAsync(host, "/", (Which, "bogus")))).Keys.Should().BeEquivalentTo(services);
    }

    [Test]
    public async Task A_rewritten_host_leads_to_the_cluster_local_Ingress_of_that_host()
    {
        var name = NewName();
        var inside = await RouteAsync(Rule(HostInside(name), To(Backends.Web(0))) with { Visibility = "ClusterLocal" });
        await Cluster.ApplyAsync(
            $$"""
            apiVersion: v1
            kind: Service
            metadata: {name: {{name}}, namespace: {{Backends.Namespace}} }
            spec: {type: ExternalName, externalName: {{inside.Status.PrivateLoadBalancer!.Ingress[
                0
            ].DomainInternal}}, ports: [{name: http2, port: 80}]}
            """
        );
        string[] hosts = [$"{name}.vanity.ismy.test", $"{name}.vanity.isalsomy.test"];
        await RouteAsync(Rule(hosts, To(name) with { RewriteHost = HostInside(name) }));

        foreach (var host in hosts)
        {
            (await AskAsync(host)).Host.Should().Be(HostInside(name));
        }
    }

    private static async Task<string> ProbeAsync(string host, string hash)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { Host = host } };
        request.Headers.Add("K-Network-Probe", "probe");
        request.Headers.Add("K-Network-Hash", hash);
        using var response = await Cluster.Gateway.SendAsync(request);
        response.StatusCode.Should().Be(HttpStatusCode.OK);
        return response.Headers.GetValues("K-Network-Hash").Should().ContainSingle().Which;
    }
}
