using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Config;
using Serving.Networking.GatewayApi.Makers;
using Serving.Networking.Layers;
using static Serving.Tests.Networking.GatewayApi.GatewayApiWorld;

namespace Serving.Tests.Networking.GatewayApi;

/// <summary>What a rule depends on besides the Ingress; its shapes are in <see cref="ShapeTests"/>.</summary>
public sealed class RuleMakerTests
{
    private static readonly GatewaySelection Gateway = GatewayApiConfig.Default.ExternalGateway;

    [Test]
    public void Only_a_Gateway_that_supports_it_is_told_how_long_requests_may_take()
    {
        var rule = Rule(IngressVisibility.External, ["a.example.com"], To(("one", 100)));

        RuleMaker.Make("default", rule, Gateway).Single().Timeouts!.Request.Should().Be("0s");
        RuleMaker.Make("default", rule, Gateway with { SupportedFeatures = ["Other"] }).Single().Timeouts.Should().BeNull();
    }

    [Test]
    public void A_backend_of_another_namespace_is_named_with_it()
    {
        var rule = Rule(IngressVisibility.External, ["a.example.com"], To(("one", 100)));

        RuleMaker.Make("default", rule, Gateway).Single().BackendRefs.Single().Namespace.Should().BeEmpty();
        RuleMaker.Make("elsewhere", rule, Gateway).Single().BackendRefs.Single().Namespace.Should().Be("default");
    }

    [Test]
    public void Nothing_but_challenges_is_served_without_HTTPS()
    {
        var challenge = To(("solver", 100)) with { Path = "/.well-known/acme-challenge/token" };
        var rules = RuleMaker.Make("default", Rule(IngressVisibility.External, ["a.example.com"], challenge, To(("one", 100))), Gateway);

        var redirected = RuleMaker.Redirected(rules);

        redirected.Should().HaveCount(2);
        redirected[0].BackendRefs.Single().Name.Should().Be("solver");
        redirected[1].BackendRefs.Should().BeEmpty();
        redirected[1].Filters.Single().RequestRedirect!.StatusCode.Should().Be(301);
    }
}
