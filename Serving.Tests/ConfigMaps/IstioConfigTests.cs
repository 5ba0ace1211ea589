using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.ConfigMaps;

namespace Serving.Tests.ConfigMaps;

/// <summary>The two forms of config-istio.</summary>
public sealed class IstioConfigTests
{
    private const string Service = "edge.gateways.svc.cluster.local";

    [Test]
    public void Without_keys_the_Gateways_are_those_of_the_installation()
    {
        var config = Parse();

        config.Should().BeEquivalentTo(IstioConfig.Default);
        config.ExternalGateways.Single().QualifiedName.Should().Be("knative-serving/knative-ingress-gateway");
        config.LocalGateways.Single().QualifiedName.Should().Be("knative-serving/knative-local-gateway");
        config.HasGateways.Should().BeTrue();
    }

    [Test]
    public void The_default_Services_are_in_the_domain_of_the_cluster()
    {
        IstioConfigParser
            .Parse(new Dictionary<string, string>(), "corp.internal")
            .ExternalGateways[0]
            .Service.Should()
            .Be("istio-ingressgateway.istio-system.svc.corp.internal");
        KnownConfigMaps
            .Defaults("corp.internal")
            .Istio.LocalGateways[0]
            .Service.Should()
            .Be("knative-local-gateway.istio-system.svc.corp.internal");
    }

    [Test]
    public void A_list_names_Gateways_and_one_of_them_is_for_all()
    {
        var config = Parse(
            (
                "external-gateways",
                $$"""
                - name: all
                  namespace: edge
                  service: {{Service}}
                - name: blue
                  namespace: edge
                  service: blue.gateways.svc.cluster.local
                  labelSelector:
                    matchLabels: {team: blue}
                    matchExpressions: [{key: tier, operator: In, values: [one, two]}]
                """
            )
        );

        config.ExternalGateways.Should().HaveCount(2);
        config.ExternalGateways[0].Should().Be(new IstioGatewayReference("edge", "all", Service));
        config.ExternalGateways[0].ServiceName.Should().Be("edge");
        config.ExternalGateways[0].ServiceNamespace.Should().Be("gateways");
        config
            .ExternalGateways[1]
            .Selector.Should()
            .BeEquivalentTo(
                new LabelSelector
                {
                    MatchLabels = new Dictionary<string, string> { ["team"] = "blue" },
                    MatchExpressions =
                    [
                        new LabelSelectorRequirement
                        {
                            Key = "tier",
                            Operator = "In",
                            Values = ["one", "two"],
                        },
                    ],
                }
            );
        config.LocalGateways.Should().BeEquivalentTo(IstioConfig.Default.LocalGateways, "a key that is absent keeps its default");
    }

    [TestCase("")]
    [TestCase("  \n")]
    public void An_empty_value_is_the_default(string value) =>
        Parse(("external-gateways", value)).ExternalGateways.Should().BeEquivalentTo(IstioConfig.Default.ExternalGateways);

    [Test]
    public void Two_empty_lists_leave_the_mesh_only()
    {
        Parse(("external-gateways", "[]")).HasGateways.Should().BeTrue();
        Parse(("external-gateways", "[]"), ("local-gateways", "[]")).HasGateways.Should().BeFalse();
    }

    [Test]
    public void The_older_keys_name_a_Gateway_each()
    {
        var config = Parse(
            ("gateway.edge.public", "public.edge.svc.cluster.local"),
            ("gateway.edge.a.b", "dotted.edge.svc.cluster.local"),
            ("gateway.plain", "plain.edge.svc.cluster.local"),
            ("local-gateway.edge.inner", "inner.edge.svc.cluster.local")
        );

        config
            .ExternalGateways.Select(static gateway => $"{gateway.QualifiedName} {gateway.Service}")
            .Should()
            .Equal(
                "edge/a.b dotted.edge.svc.cluster.local",
                "edge/public public.edge.svc.cluster.local",
                "knative-serving/plain plain.edge.svc.cluster.local"
            );
        config.LocalGateways.Select(static gateway => gateway.QualifiedName).Should().Equal("edge/inner");
        Parse(("local-gateway.edge.inner", Service)).ExternalGateways.Should().BeEquivalentTo(IstioConfig.Default.ExternalGateways);
    }

    [TestCase("external-gateways", "{name: x}", "*failed to unmarshal: cannot unmarshal object into an array")]
    [TestCase("external-gateways", "[x]", "*failed to unmarshal: cannot unmarshal string into a mapping")]
    [TestCase("local-gateways", "[{name: x, namespace: y}]", "*invalid gateway y/x: missing service")]
    [TestCase("local-gateways", "[{name: x, service: a.b.svc}]", "*invalid gateway /x: missing namespace")]
    [TestCase("local-gateways", "[{namespace: y, service: a.b.svc}]", "*invalid gateway y/: missing name")]
    [TestCase("external-gateways", "[{name: x, namespace: y, service: a_b.c.svc}]", "*invalid gateway service format*")]
    [TestCase("external-gateways", "[{name: x, namespace: y, service: a.b}]", "*unexpected service URL form: a.b*")]
    [TestCase(
        "external-gateways",
        "[{name: x, namespace: y, service: a.b.svc}, {name: z, namespace: y, service: a.b.svc}]",
        "*exactly one external gateway with no selector can be defined, here: [y/x y/z]"
    )]
    [TestCase(
        "local-gateways",
        "[{name: x, namespace: y, service: a.b.svc, labelSelector: {matchLabels: {a: b}}}]",
        "*exactly one local gateway with no selector can be defined, here: []"
    )]
    [TestCase(
        "external-gateways",
        "[{name: x, namespace: y, service: a.b.svc, labelSelector: {matchExpressions: [{key: a, operator: Near}]}}]",
        "*is not a valid label selector operator*"
    )]
    [TestCase("gateway.edge.public", "nowhere", "*unexpected service URL form*")]
    [TestCase("gateway.edge.public", "", "*missing service*")]
    [TestCase("local-gateway.Edge.x", "a.b.svc", "*\"Edge\" is not the name of a namespace*")]
    public void What_no_Gateway_can_be_is_refused_with_the_name_of_the_key(string key, string value, string message)
    {
        var refusal = FluentActions.Invoking(() => Parse((key, value))).Should().Throw<ConfigMapException>().WithMessage(message).Which;

        refusal.Key.Should().Be(key);
        refusal.Explanation.Should().Contain(key);
    }

    [Test]
    public void Both_forms_together_are_refused() =>
        FluentActions
            .Invoking(() => Parse(("external-gateways", "[]"), ("gateway.edge.public", Service)))
            .Should()
            .Throw<ConfigMapException>()
            .WithMessage(
                "invalid configmap: \"local-gateways\" or \"external-gateways\" can not be defined simultaneously with \"gateway.\" or \"local-gateway.\""
            );

    private static IstioConfig Parse(params (string Key, string Value)[] data) =>
        IstioConfigParser.Parse(data.ToDictionary(static entry => entry.Key, static entry => entry.Value));
}
