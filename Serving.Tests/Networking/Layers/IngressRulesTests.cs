using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Networking.Layers;

namespace Serving.Tests.Networking.Layers;

public sealed class IngressRulesTests
{
    private static readonly IngressTls Both = new() { Hosts = ["a.b", "c.d"], SecretName = "both" };
    private static readonly IngressTls One = new() { Hosts = ["a.b"], SecretName = "one" };

    [Test]
    public void A_rule_is_external_and_the_only_split_gets_everything_unless_they_say_otherwise()
    {
        var ingress = IngressRules.WithDefaults(
            Ingress(
                [],
                Rule("", ["a.b"], new IngressBackendSplit { ServiceName = "x" }),
                Rule("ClusterLocal", ["c.d"], new IngressBackendSplit { ServiceName = "x", Percent = 40 }, new IngressBackendSplit())
            )
        );

        ingress.Spec.Rules.Select(static rule => rule.Visibility).Should().Equal("ExternalIP", "ClusterLocal");
        ingress
            .Spec.Rules.SelectMany(static rule => rule.Http!.Paths[0].Splits)
            .Select(static split => split.Percent)
            .Should()
            .Equal(100, 40, 0);
        ingress.IsExternal().Should().BeTrue();
        ingress.Hosts().Should().Equal("a.b", "c.d");
        ingress.Hosts("ClusterLocal").Should().Equal("c.d");
    }

    [Test]
    public void A_certificate_belongs_to_the_visibility_whose_hosts_it_has_all_of()
    {
        Ingress([Both, One], Rule("ExternalIP", ["a.b"])).Tls("ExternalIP").Should().Equal(Both, One);
        Ingress([Both, One], Rule("ExternalIP", ["a.b", "c.d"])).Tls("ExternalIP").Should().Equal(Both);
        Ingress([Both, One], Rule("ClusterLocal", ["a.b"])).Tls("ExternalIP").Should().BeEmpty();
        Ingress([Both], Rule("ExternalIP", [])).Tls("ExternalIP").Should().BeEmpty("a rule for every host has no certificate");
    }

    [Test]
    public void Probes_have_a_route_of_their_own_before_all_others()
    {
        var ingress = IngressRules.WithDefaults(Ingress([], Rule("", ["a.b"], new IngressBackendSplit { ServiceName = "x" })));

        var paths = ProbeRoutes.Insert(ingress, "v1").Spec.Rules[0].Http!.Paths;

        paths.Should().HaveCount(2);
        paths[0].Headers!["K-Network-Hash"].Exact.Should().Be("override");
        paths[0].AppendHeaders.Should().Contain("K-Network-Hash", "v1");
        paths[1].Should().BeEquivalentTo(ingress.Spec.Rules[0].Http!.Paths[0]);
    }

    [Test]
    public void A_rule_without_http_is_an_error_that_names_the_Ingress() =>
        FluentActions
            .Invoking(() => ProbeRoutes.Insert(Ingress([], new IngressRule { Hosts = ["a.b"] }), "v1"))
            .Should()
            .Throw<InvalidOperationException>()
            .WithMessage("Ingress default/hello: *a.b*");

    private static Ingress Ingress(IngressTls[] tls, params IngressRule[] rules) =>
        new()
        {
            Metadata = new ObjectMeta { Namespace = "default", Name = "hello" },
            Spec = new IngressSpec { Tls = tls, Rules = rules },
        };

    private static IngressRule Rule(string visibility, string[] hosts, params IngressBackendSplit[] splits) =>
        new()
        {
            Hosts = hosts,
            Visibility = visibility,
            Http = new HttpIngressRuleValue { Paths = [new HttpIngressPath { Splits = splits }] },
        };
}
