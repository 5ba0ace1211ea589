using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Networking;

namespace Serving.Tests.Cluster.EndToEnd.NetworkLayer;

/// <summary>Routing to backends: by host, path, percentage and class, and while an Ingress changes.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category("Slow")]
public sealed class DispatchTests : NetworkLayerTests
{
    private const int Sample = 400;

    [Test]
    public async Task A_host_leads_to_its_Service()
    {
        var host = NewHost();
        await RouteAsync(Rule(host, To(Backends.Web(0))));

        (await AskAsync(host)).Host.Should().Be(host);
    }

    [Test]
    public async Task A_port_that_speaks_HTTP_2_gets_HTTP_2_from_clients_of_HTTP_1()
    {
        var host = NewHost();
        await RouteAsync(Rule(host, To(Backends.Http2)));

        (await AskAsync(host)).Protocol.Should().Be("HTTP/2");
    }

    [Test]
    public async Task All_hosts_of_a_rule_lead_to_its_Service()
    {
        var name = NewName();
        string[] hosts =
        [
            $"{name}.foo.test",
            $"{name}.www.foo.test",
            $"{name}.a-b-1.something-really-really-long.knative.test",
            $"{name}.add.your.interesting.domain.here.test",
        ];
        await RouteAsync(Rule(hosts, To(Backends.Web(0))));

        foreach (var host in hosts)
        {
            (await AskAsync(host)).Host.Should().Be(host);
        }
    }

    [Test]
    public async Task Each_rule_has_hosts_of_its_own()
    {
        var (foo, bar) = (NewHost(), NewHost());
        await RouteAsync(Rule(foo, ToNamed(Backends.Web(1))), Rule(bar, ToNamed(Backends.Web(2))));

        (await AskAsync(foo)).Header(Which).Should().Be(Backends.Web(1));
        (await AskAsync(bar)).Header(Which).Should().Be(Backends.Web(2));
    }

    [Test]
    public async Task The_longest_path_decides_and_one_without_a_path_takes_the_rest()
    {
        var host = NewHost();
        await RouteAsync(
            Rule(
                host,
                ToNamed(Backends.Web(1), "/foo"),
                ToNamed(Backends.Web(2), "/bar"),
                ToNamed(Backends.Web(3), "/baz"),
                ToNamed(Backends.Web(4))
            )
        );

        foreach (var (path, service) in ((string, int)[])[("/foo", 1), ("/foo/more", 1), ("/bar", 2), ("/baz", 3), ("/", 4), ("/asdf", 4)])
        {
            (await AskAsync(host, path)).Header(Which).Should().Be(Backends.Web(service), path);
        }
    }

    [Test]
    public async Task Shares_hold_for_their_path_only()
    {
        var host = NewHost();
        IngressBackendSplit[] shares = [Named(Backends.Web(1), 50), Named(Backends.Web(2), 50)];
        await RouteAsync(Rule(host, new HttpIngressPath { Path = "/foo", Splits = shares }, ToNamed(Backends.Web(3))));

        Follow(await CountAsync(Sample, () => AskAsync(host, "/foo")), shares);
        (await CountAsync(40, () => AskAsync(host))).Keys.Should().Equal(Backends.Web(3));
    }

    [Test]
    public async Task Requests_are_split_as_the_shares_say()
    {
        var host = NewHost();
        var shares = DoublingShares();
        await RouteAsync(Rule(host, new HttpIngressPath { Splits = shares }));

        Follow(await CountAsync(Sample, () => AskAsync(host)), shares);
    }

    [Test]
    public async Task An_Ingress_of_another_class_or_none_is_left_alone()
    {
        var hosts = new List<string>();
        var others = new List<Ingress>();
        foreach (var ingressClass in (string?[])[null, "incorrect", ""])
        {
            hosts.Add(NewHost());
            others.Add(await CreateOfClassAsync(ingressClass, Rule(hosts[^1], To(Backends.Web(0)))));
        }

        // Ingresses are processed in order: when a later one is ready, the earlier ones have been seen.
        await RouteAsync(Rule(NewHost(), To(Backends.Web(0))));

        foreach (var other in others)
        {
            var current = await Cluster.Client.GetAsync(
                Resources.Ingresses,
                Backends.Namespace,
                other.Metadata.Name,
                CancellationToken.None
            );
            current.Metadata.ResourceVersion.Should().Be(other.Metadata.ResourceVersion);
        }

        foreach (var host in hosts)
        {
            (await Cluster.GetAsync(host)).Status.Should().Be(HttpStatusCode.NotFound);
        }
    }

    [Test]
    public async Task No_request_fails_while_an_Ingress_changes_and_a_change_is_in_force_when_it_is_ready()
    {
        const int rounds = 5;
        var host = NewHost();
        var ingress = await RouteAsync(Rule(host, ToNamed(Backends.Web(0))));
        await using var load = new Load(Cluster, host, "/", 1);

        for (var round = 0; round < rounds; round++)
        {
            var sentinel = $"round {round}";
            ingress = await UpdateAsync(ingress, Rule(host, Marked(Backends.Web(0), sentinel)));
            (await AskAsync(host)).Header(Which).Should().Be(sentinel);
        }

        var before = "";
        for (var round = 0; round < rounds; round++)
        {
            var (service, sentinel) = (NewName(), $"new backend {round}");
            await Backends.ServiceAsync(Cluster, Backends.Namespace, service, "web");
            ingress = await UpdateAsync(ingress, Rule(host, Marked(service, sentinel)));
            (await AskAsync(host)).Header(Which).Should().Be(sentinel);
            if (before.Length > 0)
            {
                await Cluster.Client.DeleteAsync(Resources.Services, Backends.Namespace, before, CancellationToken.None);
            }

            before = service;
        }
    }

    private static HttpIngressPath Marked(string service, string sentinel) =>
        new() { Splits = [Share(service) with { AppendHeaders = new Dictionary<string, string> { [Which] = sentinel } }] };
}
