using System.Net.Security;
using System.Security.Authentication;
using FluentAssertions;
using NUnit.Framework;
using Serving.ConfigMaps;
using Serving.QueueProxy;

namespace Serving.Tests.QueueProxy;

/// <summary>The sidecar's TLS settings from config-deployment.</summary>
[TestFixture]
public sealed class TlsSettingsTests
{
    [TestCase("", "", SslProtocols.Tls13)]
    [TestCase("1.2", "", SslProtocols.Tls12 | SslProtocols.Tls13)]
    [TestCase("1.2", "1.2", SslProtocols.Tls12)]
    [TestCase("1.3", "1.3", SslProtocols.Tls13)]
    public void Versions_lie_between_the_least_and_the_most(string least, string most, SslProtocols expected) =>
        Read(("MIN_VERSION", least), ("MAX_VERSION", most)).Protocols.Should().Be(expected);

    [Test]
    public void A_list_of_cipher_suites_concerns_TLS_1_2_alone() =>
        Read(("CIPHER_SUITES", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"))
            .Suites.Should()
            .BeEquivalentTo([
                TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                TlsCipherSuite.TLS_AES_128_GCM_SHA256,
                TlsCipherSuite.TLS_AES_256_GCM_SHA384,
                TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256,
            ]);

    [Test]
    public void Curves_have_names_of_Go_and_of_standards() =>
        Read(("CURVE_PREFERENCES", "X25519,CurveP256,P-384")).Groups.Should().Equal("X25519", "P-256", "P-384");

    [TestCase("MIN_VERSION", "1.1", "1.2")]
    [TestCase("MAX_VERSION", "1.2", "no version is left")]
    [TestCase("CIPHER_SUITES", "TLS_RSA_WITH_RC4_128_SHA", "TLS_RSA_WITH_RC4_128_SHA")]
    [TestCase("CIPHER_SUITES", "4865", "4865")]
    [TestCase("CURVE_PREFERENCES", "P-224", "P-224")]
    public void What_is_not_understood_is_refused_by_name(string variable, string value, string part) =>
        FluentActions
            .Invoking(() => Read((variable, value)))
            .Should()
            .Throw<FormatException>()
            .WithMessage($"*{part}*")
            .WithMessage("*QUEUE_PROXY_TLS_*");

    /// <summary>A sidecar does not start with invalid settings, so config-deployment must accept exactly what it accepts.</summary>
    [Test]
    public void Config_deployment_takes_what_the_sidecar_takes()
    {
        string[] versions = ["", "1.0", "1.1", "1.2", "1.3", "tls1.2"];
        string[] curves =
        [
            "CurveP224",
            "P-224",
            "CurveP256",
            "P-256",
            "CurveP384",
            "P-384",
            "CurveP521",
            "P-521",
            "X25519",
            "x25519",
            "X448",
            "X25519MLKEM768",
            "SecP256r1MLKEM768",
            "X25519, P-256,",
            ",",
        ];
        var cases = versions
            .SelectMany(least => versions.Select(most => new[] { ("MIN_VERSION", least), ("MAX_VERSION", most) }))
            .Concat(
                Enum.GetNames<TlsCipherSuite>()
                    .Concat(["4865", "foo", "TLS_AES_128_GCM_SHA256 , TLS_AES_256_GCM_SHA384,"])
                    .Select(suite => new[] { ("CIPHER_SUITES", suite) })
            )
            .Concat(curves.Select(curve => new[] { ("CURVE_PREFERENCES", curve) }));
        foreach (var settings in cases)
        {
            var data = settings.ToDictionary(s => "queue-sidecar-tls-" + s.Item1.ToLowerInvariant().Replace('_', '-'), s => s.Item2);
            data["queue-sidecar-image"] = "queue";
            IsTaken(() => DeploymentConfigParser.Parse(data))
                .Should()
                .Be(IsTaken(() => Read(settings)), "of {0}", string.Join(' ', settings));
        }
    }

    private static bool IsTaken(Action read)
    {
        try
        {
            read();
            return true;
        }
        catch (Exception refused) when (refused is FormatException or ConfigMapException)
        {
            return false;
        }
    }

    private static TlsSettings Read(params (string Name, string Value)[] variables) =>
        TlsSettings.Read(name => variables.FirstOrDefault(variable => "QUEUE_PROXY_TLS_" + variable.Name == name).Value);
}
