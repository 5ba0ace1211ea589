using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Config;
using Serving.ConfigMaps;

namespace Serving.Tests.ConfigMaps;

/// <summary>A table of harmful values for every key of every ConfigMap: each is rejected with the name of its key, or works.</summary>
[Category("Slow")]
[Parallelizable]
public sealed class UnusableValueTests
{
    private static readonly string[] Values =
    [
        "",
        " ",
        "\t",
        "\n",
        "0",
        "-0",
        "-1",
        "+5",
        "-0.5",
        "0.0001",
        "1e3",
        "1e309",
        "-1e309",
        "1e-320",
        "NaN",
        "nan",
        "Inf",
        "-Inf",
        "Infinity",
        "0x10",
        "0x1p-2",
        "1_000",
        "2147483647",
        "2147483648",
        "-2147483648",
        "4294967296",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "99999999999999999999999",
        "0s",
        "1ns",
        "-1ns",
        "-5m",
        "1.5s",
        "1500ms",
        "99999h",
        "2540400h",
        "9223372036s",
        "25h61m",
        "10",
        "ten",
        "-5Mi",
        "5Mi",
        "1e30",
        "1e-30",
        "100m",
        "-100m",
        "0.1Ki",
        "9999999999E",
        "UPPER..bad",
        "Upper",
        "a b",
        "a..b",
        ".a",
        "a.",
        "-a",
        "a_b",
        "*",
        "*.example.com",
        "a,b",
        "a;b",
        "ü",
        "a/b",
        "a:b",
        "a:b:c",
        "/",
        "//",
        "@",
        "127.0.0.1",
        "http://",
        "http:///x",
        "http://a b",
        "ftp://x/y",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://ok:4317",
        ":0",
        ":80",
        ":9090",
        "host:70000",
        "host:8012",
        "[::1]:9999",
        "true",
        "True",
        "yes",
        "on",
        "Enabled",
        "enabled",
        "disabled",
        "Redirected",
        "http",
        "https",
        "kpa.autoscaling.knative.dev",
        "nobody.autoscaling.knative.dev",
        "mine.example.com",
        "{{",
        "{{.}}",
        "{{.Nope}}",
        "{{.Name}}",
        "{{.Tag}}",
        "{{.Name}} {{.Namespace}}",
        "{{.Name}}_{{.Tag}}",
        "{{.Name}}-{{.Tag}}",
        "{{.Name}}.{{.Domain}}",
        "{{.Name}}.{{.Namespace}}.{{.Domain}}:8080",
        "X{{.Name}}",
        "{",
        "{}",
        "[]",
        "null",
        "~",
        "- a",
        "a: b",
        "name: \"\"",
        "kind: \"\"",
        "{name: \"a b\", kind: Issuer}",
        "selector: {\"a b\": c}",
        "selector: {a: \"b c\"}",
        "selector: {app: web}",
        "selector:\n  a: b\ntype: wildcard",
        "matchExpressions: [{key: a, operator: Like}]",
        "matchExpressions: [{key: a, operator: In}]",
        "matchExpressions: [{key: \"\", operator: Exists}]",
        "matchLabels: {\"-\": x}",
        "{\"level\": 5}",
        "{\"level\": \"loud\"}",
        "1.1",
        "1.2",
        "1.3",
        "TLS_RSA_WITH_NULL_MD5",
        "X25519",
        "prefer-spread-revision-over-nodes",
        "none",
        "stdout",
        "grpc",
        "http/protobuf",
        "prometheus",
    ];

    private static readonly string Long = new('a', 300);

    private static IEnumerable<TestCaseData> Keys => ConfigKeys.All.Select(key => new TestCaseData(key).SetArgDisplayNames(key.ToString()));

    [TestCaseSource(nameof(Keys))]
    public void Every_value_is_refused_with_the_name_of_its_key_or_can_be_used(object key)
    {
        var of = (ConfigKey)key;
        var refused = 0;
        foreach (var value in Values.Append(Long))
        {
            ConfigSnapshot config;
            try
            {
                config = Parse(of.Map, of.Data(value));
            }
            catch (ConfigMapException refusal)
            {
                refused++;
                refusal.ConfigMap.Should().Be(of.Map);
                refusal.Explanation.Should().Contain(refusal.Key).And.NotBeNullOrWhiteSpace();
                (refusal.Explanation.Contains(of.Key, StringComparison.Ordinal) || Related(of.Key, refusal.Key!))
                    .Should()
                    .BeTrue("{0} = {1} is refused with \"{2}\", which must name the key", of.Key, value, refusal.Explanation);
                continue;
            }

            FluentActions
                .Invoking(() => ConfigurationUse.Check(config, of.Map))
                .Should()
                .NotThrow("{0} took {1} = \"{2}\"", of.Map, of.Key, value);
        }

        if (of.Bad is not null)
            refused.Should().BePositive("something here is bad for this key");
    }

    [TestCaseSource(nameof(Keys))]
    public void A_value_that_gets_in_although_it_is_refused_changes_nothing(object key)
    {
        var of = (ConfigKey)key;
        using var live = new LiveConfig();
        live.Put(of.Map, [.. of.Data(of.Text).Select(d => (d.Key, d.Value))]);
        var before = of.Read(live.Store.Current);
        foreach (var value in Values)
        {
            try
            {
                Parse(of.Map, of.Data(value));
            }
            catch (ConfigMapException)
            {
                live.Put(of.Map, [.. of.Data(value).Select(d => (d.Key, d.Value))]);
                of.Read(live.Store.Current).Should().Be(before, "{0} refuses \"{1}\"", of, value);
            }
        }
    }

    [TestCase("UPPER..bad")]
    [TestCase("Example.com")]
    [TestCase("-a.com")]
    [TestCase("a..b")]
    [TestCase(".example.com")]
    [TestCase("example.com.")]
    [TestCase("ex_ample.com")]
    public void A_domain_that_is_none_is_refused(string domain) =>
        FluentActions
            .Invoking(() => Parse("config-domain", new() { [domain] = "" }))
            .Should()
            .Throw<ConfigMapException>()
            .Which.Should()
            .Match<ConfigMapException>(refusal =>
                refusal.Key == domain && refusal.Explanation.Contains("is not a domain", StringComparison.Ordinal)
            );

    [TestCase("config-network", "ingress-class", "")]
    [TestCase("config-network", "certificate-class", " ")]
    [TestCase("config-network", "default-external-scheme", "ftp")]
    [TestCase("config-network", "tag-template", "{{.Name}}")]
    [TestCase("config-network", "namespace-wildcard-cert-selector", "matchExpressions: [{key: a, operator: Like}]")]
    [TestCase("config-defaults", "revision-timeout-seconds", "-1")]
    [TestCase("config-defaults", "revision-timeout-seconds", "0")]
    [TestCase("config-defaults", "revision-response-start-timeout-seconds", "-1")]
    [TestCase("config-defaults", "revision-idle-timeout-seconds", "-1")]
    [TestCase("config-defaults", "revision-cpu-request", "-100m")]
    [TestCase("config-defaults", "container-name-template", "User_Container")]
    [TestCase("config-defaults", "container-name-template", "")]
    [TestCase("config-autoscaler", "pod-autoscaler-class", "nobody.autoscaling.knative.dev")]
    [TestCase("config-autoscaler", "panic-threshold-percentage", "0")]
    [TestCase("config-deployment", "queue-sidecar-image", "not an image")]
    [TestCase("config-deployment", "queue-sidecar-cpu-limit", "10m")]
    [TestCase("config-deployment", "progress-deadline", "2540400h")]
    [TestCase("config-leader-election", "map-lease-prefix.controller", "Not a name")]
    public void A_value_that_would_break_its_consumer_is_refused(string map, string key, string value)
    {
        var data = ConfigKey.Required(map);
        data[key] = value;
        FluentActions.Invoking(() => Parse(map, data)).Should().Throw<ConfigMapException>().Which.Explanation.Should().Contain(key);
    }

    // An error about two inconsistent keys may name the other one, and an error about an older spelling names the newer one.
    private static bool Related(string key, string refused) =>
        refused.Split('-')[0] == key.Split('-')[0] || KeyTests.OlderOf("config-network").Contains(key);

    private static ConfigSnapshot Parse(string map, Dictionary<string, string> data)
    {
        var config = KnownConfigMaps
            .All.Single(kind => kind.Name == "config-deployment")
            .Apply(ConfigSnapshot.Default, ConfigKey.Required("config-deployment"), "cluster.local");
        return KnownConfigMaps.All.Single(kind => kind.Name == map).Apply(config, data, "cluster.local");
    }
}
