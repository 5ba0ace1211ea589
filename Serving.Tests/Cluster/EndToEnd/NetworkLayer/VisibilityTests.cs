using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Networking;

namespace Serving.Tests.Cluster.EndToEnd.NetworkLayer;

/// <summary>Cluster-local hosts.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category("Slow")]
public sealed class VisibilityTests : NetworkLayerTests
{
    private const int Sample = 400;

    [Test]
    public async Task A_cluster_local_host_is_reached_by_each_form_of_its_name_from_inside_only()
    {
        string[] names = [NewName(), NewName(), NewName()];
        string[] hosts = [HostInside(names[0]), $"{names[1]}.{Backends.Namespace}.svc", $"{names[2]}.{Backends.Namespace}"];
        var caller = await RouteInsideAsync(names, Rule(hosts, To(Backends.Web(0))));

        foreach (var host in hosts)
        {
            (await Cluster.GetAsync(host)).Status.Should().Be(HttpStatusCode.NotFound);
            (await AskFromInsideAsync(caller, host)).Host.Should().Be(host);
        }
    }

    [Test]
    public async Task Requests_inside_are_split_as_the_shares_say()
    {
        var name = NewName();
        var shares = DoublingShares();
        var caller = await RouteInsideAsync([name], Rule(HostInside(name), new HttpIngressPath { Splits = shares }));

        (await Cluster.GetAsync(HostInside(name))).Status.Should().Be(HttpStatusCode.NotFound);
        Follow(await CountAsync(Sample, () => AskFromInsideAsync(caller, HostInside(name))), shares);
    }

    [Test]
    public async Task Paths_decide_inside_too()
    {
        var name = NewName();
        var caller = await RouteInsideAsync(
            [name],
            Rule(
                HostInside(name),
                ToNamed(Backends.Web(1), "/foo"),
                ToNamed(Backends.Web(2), "/bar"),
                ToNamed(Backends.Web(3), "/baz"),
                ToNamed(Backends.Web(4))
            )
        );

        foreach (var (path, service) in ((string, int)[])[("/foo", 1), ("/bar", 2), ("/baz", 3), ("/", 4), ("/asdf", 4)])
        {
            (await Cluster.GetAsync(HostInside(name), path)).Status.Should().Be(HttpStatusCode.NotFound);
            (await AskFromInsideAsync(caller, HostInside(name), path)).Header(Which).Should().Be(Backends.Web(service), path);
        }
    }

    /// <summary>Creates a cluster-local rule, its cluster-internal names, and an external host for the program that calls them.</summary>
    private static async Task<string> RouteInsideAsync(string[] names, IngressRule rule)
    {
        var ingress = await RouteAsync(rule with { Visibility = "ClusterLocal" });
        foreach (var name in names)
        {
            await Cluster.ApplyAsync(
                $$"""
                apiVersion: v1
                kind: Service
                metadata: {name: {{name}}, namespace: {{Backends.Namespace}} }
                spec: {type: ExternalName, externalName: {{ingress.Status.PrivateLoadBalancer!.Ingress[
                    0
                ].DomainInternal}}, ports: [{name: http2, port: 80}]}
                """
            );
        }

        var caller = NewHost();
        await RouteAsync(Rule(caller, To(Backends.Caller)));
        return caller;
    }

    private static Task<SeenRequest> AskFromInsideAsync(string caller, string host, string path = "/") =>
        AskAsync(caller, $"/next?url={Uri.EscapeDataString($"http://{host}{path}")}");
}
