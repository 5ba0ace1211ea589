using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Config;
using Serving.ConfigMaps;

namespace Serving.Tests.ConfigMaps;

/// <summary>config-gateway, beyond its keys.</summary>
public sealed class GatewayApiConfigTests
{
    private const string External = "external-gateways";

    [TestCase("{", "unable to parse \"external-gateways\": yaml: *")]
    [TestCase("{a: b}", "unable to parse \"external-gateways\": cannot unmarshal object into an array")]
    [TestCase("[{class: a, gateway: n/a}, {class: a, gateway: n/a}]", "only a single external gateway is supported")]
    [TestCase("[{gateway: n/a}]", "unable to parse \"external-gateways\": entry [0] field \"class\" is required")]
    [TestCase("[{class: a}]", "unable to parse \"external-gateways\": failed to parse \"gateway\": expected 'namespace/name' format")]
    [TestCase("[{class: a, gateway: n/}]", "unable to parse \"external-gateways\": failed to parse \"gateway\": *")]
    [TestCase("[{class: a, gateway: /a}]", "unable to parse \"external-gateways\": failed to parse \"gateway\": *")]
    [TestCase("[{class: a, gateway: n/a/b}]", "unable to parse \"external-gateways\": failed to parse \"gateway\": *")]
    [TestCase("[{class: a, gateway: n/A}]", "unable to parse \"external-gateways\": failed to parse \"gateway\": \"A\" must consist of*")]
    [TestCase("[{class: a, gateway: n/a, service: a}]", "unable to parse \"external-gateways\": failed to parse \"service\": *")]
    [TestCase("[{class: a, gateway: n/a, service: n/}]", "unable to parse \"external-gateways\": failed to parse \"service\": *")]
    [TestCase("[{class: a, gateway: n/a, supported-features: A}]", "unable to parse \"external-gateways\": cannot unmarshal *")]
    [TestCase("[{class: a, gateway: n/a, proxy-protocol-enabled: maybe}]", "unable to parse \"external-gateways\": *\"maybe\" is neither*")]
    [TestCase("[a]", "unable to parse \"external-gateways\": cannot unmarshal *")]
    public void A_value_that_no_Gateway_has_is_refused(string text, string message)
    {
        var refusal = FluentActions.Invoking(() => Parse(text)).Should().Throw<ConfigMapException>().WithMessage(message).Which;

        refusal.Key.Should().Be(External);
        refusal.ConfigMap.Should().Be("config-gateway");
    }

    [Test]
    public void The_local_key_is_named_too() =>
        FluentActions
            .Invoking(() =>
                GatewayApiConfigParser.Parse(
                    new Dictionary<string, string> { ["local-gateways"] = "[{class: a, gateway: n/a}, {class: a, gateway: n/a}]" }
                )
            )
            .Should()
            .Throw<ConfigMapException>()
            .WithMessage("only a single local gateway is supported");

    [TestCase("")]
    [TestCase("[]")]
    [TestCase("null")]
    public void No_Gateway_is_the_default(string text) =>
        Parse(text).ExternalGateway.Should().BeSameAs(GatewayApiConfig.Default.ExternalGateway);

    [Test]
    public void A_Gateway_may_have_no_Service()
    {
        var gateway = Parse("[{class: a, gateway: n/a, service: null, other: ignored}]").ExternalGateway;

        gateway.Service.Should().BeNull();
        gateway.SupportedFeatures.Should().BeEmpty();
        gateway.ProxyProtocolEnabled.Should().BeFalse();
    }

    private static GatewayApiConfig Parse(string text) =>
        GatewayApiConfigParser.Parse(new Dictionary<string, string> { [External] = text });
}
