using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Config;
using Serving.ConfigMaps;

namespace Serving.Tests.ConfigMaps;

/// <summary>Every key: its default, its parsing, its error, and its older spelling if there is one.</summary>
public sealed class KeyTests
{
    private static readonly (string Map, string Newer, string Older)[] OlderSpellings =
    [
        ("config-deployment", "queue-sidecar-image", "queueSidecarImage"),
        ("config-deployment", "progress-deadline", "progressDeadline"),
        ("config-deployment", "digest-resolution-timeout", "digestResolutionTimeout"),
        ("config-deployment", "registries-skipping-tag-resolving", "registriesSkippingTagResolving"),
        ("config-deployment", "queue-sidecar-cpu-request", "queueSidecarCPURequest"),
        ("config-deployment", "queue-sidecar-cpu-limit", "queueSidecarCPULimit"),
        ("config-deployment", "queue-sidecar-memory-request", "queueSidecarMemoryRequest"),
        ("config-deployment", "queue-sidecar-memory-limit", "queueSidecarMemoryLimit"),
        ("config-deployment", "queue-sidecar-ephemeral-storage-request", "queueSidecarEphemeralStorageRequest"),
        ("config-deployment", "queue-sidecar-ephemeral-storage-limit", "queueSidecarEphemeralStorageLimit"),
        ("config-leader-election", "lease-duration", "leaseDuration"),
        ("config-leader-election", "renew-deadline", "renewDeadline"),
        ("config-leader-election", "retry-period", "retryPeriod"),
        ("config-network", "ingress-class", "ingress.class"),
        ("config-network", "certificate-class", "certificate.class"),
        ("config-network", "domain-template", "domainTemplate"),
        ("config-network", "tag-template", "tagTemplate"),
        ("config-network", "rollout-duration", "rolloutDuration"),
        ("config-network", "autocreate-cluster-domain-claims", "autocreateClusterDomainClaims"),
        ("config-network", "default-external-scheme", "defaultExternalScheme"),
        ("config-network", "auto-tls", "autoTLS"),
        ("config-network", "http-protocol", "httpProtocol"),
    ];

    private static IEnumerable<TestCaseData> Keys => ConfigKeys.All.Select(key => new TestCaseData(key).SetArgDisplayNames(key.ToString()));

    private static IEnumerable<TestCaseData> Refused =>
        ConfigKeys.All.Where(key => key.Bad is not null).Select(key => new TestCaseData(key).SetArgDisplayNames(key.ToString()));

    private static IEnumerable<TestCaseData> Older => OlderSpellings.Select(o => new TestCaseData(o.Map, o.Newer, o.Older));

    [TestCaseSource(nameof(Keys))]
    public void Has_its_default(object key)
    {
        var of = (ConfigKey)key;
        of.Read(Parse(of.Map, ConfigKey.Required(of.Map))).Should().Be(of.Default);
        if (of.Map != "config-deployment")
            of.Read(ConfigSnapshot.Default).Should().Be(of.Default, "code without a ConfigMap sees the same");
    }

    [TestCaseSource(nameof(Keys))]
    public void Is_read(object key)
    {
        var of = (ConfigKey)key;
        of.Read(Parse(of.Map, of.Data(of.Text))).Should().Be(of.Parsed);
        of.Parsed.Should().NotBe(of.Default, "else this would prove nothing");
    }

    [TestCaseSource(nameof(Refused))]
    public void Nonsense_is_refused_with_the_name_of_the_key(object key)
    {
        var of = (ConfigKey)key;
        var refusal = FluentActions
            .Invoking(() => Parse(of.Map, of.Data(of.Bad)))
            .Should()
            .Throw<ConfigMapException>()
            .WithMessage(of.Refusal)
            .Which;
        refusal.ConfigMap.Should().Be(of.Map);
        refusal.Key.Should().Be(of.Key);
        refusal.Explanation.Should().Contain(of.Key);
    }

    [TestCaseSource(nameof(Older))]
    public void The_older_spelling_is_read_and_the_newer_one_wins(string map, string newer, string older)
    {
        var of = ConfigKeys.All.Single(key => key.Map == map && key.Key == newer);
        var data = ConfigKey.Required(map);
        data.Remove(newer);
        data[older] = of.Text;
        of.Read(Parse(map, data)).Should().Be(of.Parsed);
        data[newer] = of.Default switch
        {
            TimeSpan time => GoValues.Format(time),
            bool flag => flag ? "enabled"
            : map == "config-network" && newer == "auto-tls" ? "disabled"
            : "false",
            null => of.Text,
            _ when newer == "domain-template" => NetworkConfig.Default.DomainTemplate,
            _ when newer == "tag-template" => NetworkConfig.Default.TagTemplate,
            var other => other.ToString()!,
        };
        of.Read(Parse(map, data)).Should().Be(of.Default ?? of.Parsed);
    }

    [Test]
    public void Every_key_that_is_understood_is_tested()
    {
        foreach (var kind in KnownConfigMaps.All.Where(kind => kind.Name is not ("config-features" or "config-domain" or "config-tracing")))
        {
            Asked(kind)
                .Should()
                .BeSubsetOf(
                    ConfigKeys
                        .All.Where(key => key.Map == kind.Name)
                        .Select(key => key.Key)
                        .Concat(OlderSpellings.Where(o => o.Map == kind.Name).Select(o => o.Older))
                );
        }
    }

    [Test]
    public void Every_flag_is_off_unless_told_otherwise_and_ignores_what_it_does_not_know()
    {
        var flags = Asked(KnownConfigMaps.All.Single(kind => kind.Name == "config-features"));
        flags.Should().HaveCount(33);
        foreach (var flag in flags)
        {
            var before = Parse("config-features", []).Features;
            Parse("config-features", new() { [flag] = "perhaps" }).Features.Should().Be(before, "{0} ignores an unknown value", flag);
            Parse(
                "config-features",
                new() { [flag] = flag is "multi-container" or "kubernetes.podspec-volumes-emptydir" ? "Disabled" : "ENABLED" }
            )
                .Features.Should()
                .NotBe(before, "{0} is read without regard to case", flag);
            Parse(
                "config-features",
                new() { [flag] = flag is "multi-container" or "kubernetes.podspec-volumes-emptydir" ? "enabled" : "disabled" }
            )
                .Features.Should()
                .Be(before, "{0} has this default", flag);
        }
    }

    [Test]
    public void Every_key_of_config_domain_is_a_domain()
    {
        DomainConfig Domain(params (string Key, string Value)[] data) =>
            Parse("config-domain", data.ToDictionary(d => d.Key, d => d.Value)).Domain;

        Domain().Domains.Keys.Should().Equal("svc.cluster.local");
        Domain(("example.com", "")).Domains.Keys.Should().Equal("example.com");
        Domain(("wild.org", "selector: {a: b}\ntype: wildcard")).Wildcards.Should().Contain("wild.org");
        FluentActions
            .Invoking(() => Domain(("example.org", "selector: [a]")))
            .Should()
            .Throw<ConfigMapException>()
            .Which.Explanation.Should()
            .Contain("example.org")
            .And.Contain("cannot unmarshal");
    }

    [Test]
    public void Values_that_are_only_wrong_together_are_refused()
    {
        FluentActions
            .Invoking(() => Parse("config-autoscaler", new() { ["min-scale"] = "5", ["max-scale"] = "3" }))
            .Should()
            .Throw<ConfigMapException>()
            .WithMessage("min-scale (5) must be less than max-scale (3)");
        FluentActions
            .Invoking(() => Parse("config-gc", new() { ["min-non-active-revisions"] = "5", ["max-non-active-revisions"] = "3" }))
            .Should()
            .Throw<ConfigMapException>()
            .WithMessage("min-non-active-revisions(5) must be <= max-non-active-revisions(3)");
        FluentActions
            .Invoking(() =>
                Parse("config-observability", new() { ["logging.enable-request-log"] = "true", ["logging.request-log-template"] = "" })
            )
            .Should()
            .Throw<ConfigMapException>()
            .Which.Key.Should()
            .Be("logging.request-log-template");
        FluentActions
            .Invoking(() => Parse("config-observability", new() { ["metrics-endpoint"] = "http://c" }))
            .Should()
            .Throw<ConfigMapException>()
            .Which.Explanation.Should()
            .StartWith("metrics-endpoint: endpoint should not be set");
    }

    /// <summary>The older spellings of a ConfigMap's keys.</summary>
    internal static IEnumerable<string> OlderOf(string map) => OlderSpellings.Where(older => older.Map == map).Select(older => older.Older);

    /// <summary>The keys that a parser reads.</summary>
    internal static IReadOnlySet<string> Asked(ConfigMapKind kind)
    {
        var data = new RecordingData(ConfigKey.Required(kind.Name));
        kind.Apply(ConfigSnapshot.Default, data, "cluster.local");
        return data.Asked;
    }

    private static ConfigSnapshot Parse(string map, Dictionary<string, string> data) =>
        KnownConfigMaps.All.Single(kind => kind.Name == map).Apply(ConfigSnapshot.Default, data, "cluster.local");
}
