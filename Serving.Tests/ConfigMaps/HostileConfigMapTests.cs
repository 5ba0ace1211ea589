using System.Diagnostics;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Core;
using Serving.ConfigMaps;

namespace Serving.Tests.ConfigMaps;

/// <summary>Arbitrary ConfigMaps, as any user with write access can create: rejected quickly with the name of the key, without harm to the
/// process.</summary>
public sealed class HostileConfigMapTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(10);

    private static IEnumerable<TestCaseData> Deep =>
        from levels in new[] { 1_000, 1_000_000 }
        from at in new (string Map, string Key)[]
        {
            ("config-domain", "example.com"),
            ("config-certmanager", "issuerRef"),
            ("config-gateway", "external-gateways"),
            ("config-deployment", "runtime-class-name"),
            ("config-network", "namespace-wildcard-cert-selector"),
            ("config-network", "domain-template"),
            ("config-network", "tag-template"),
            ("config-defaults", "container-name-template"),
            ("config-defaults", "init-container-name-template"),
            ("config-observability", "logging.request-log-template"),
            ("config-observability", "logging.gateway-access-log-template"),
            ("config-logging", "zap-logger-config"),
        }
        from shape in at.Key.EndsWith("-template", StringComparison.Ordinal) ? Templates : Documents
        select new TestCaseData(at.Map, at.Key, shape.Make(levels)).SetArgDisplayNames(at.Map, at.Key, shape.Name, levels.ToString());

    private static (string Name, Func<int, string> Make)[] Templates { get; } =
    [
        ("parentheses", n => "{{" + new string('(', n) + ".Name" + new string(')', n) + "}}"),
        ("open", n => "{{" + new string('(', n)),
        ("blocks", n => Repeat("{{if .Name}}", n) + Repeat("{{end}}", n)),
    ];

    private static (string Name, Func<int, string> Make)[] Documents { get; } =
    [
        ("lists", n => new string('[', n) + new string(']', n)),
        ("open lists", n => new string('[', n)),
        ("mappings", n => Repeat("{\"a\":", n) + "1" + new string('}', n)),
        ("open mappings", n => "a: " + new string('{', n)),
        ("dashes", n => Repeat("- ", n) + "a"),
        ("questions", n => Repeat("? ", n) + "a"),
    ];

    [TestCaseSource(nameof(Deep))]
    public void Nesting_beyond_all_reason_is_refused(string map, string key, string text)
    {
        var began = Stopwatch.GetTimestamp();
        FluentActions
            .Invoking(() => Validate(map, (key, text)))
            .Should()
            .Throw<ConfigMapException>()
            .Which.Explanation.Should()
            .Contain(key);
        Stopwatch.GetElapsedTime(began).Should().BeLessThan(Soon);
    }

    [TestCase("selector: &a [*a]", "*contains itself*")]
    [TestCase("&a {selector: *a}", "*contains itself*")]
    [TestCase("? &a [*a]\n: x", "*contains itself*")]
    [TestCase("selector: *a", "*unknown anchor 'a' referenced*")]
    [TestCase("selector: {!!str a: x, a: y}", "*key \"a\" already set in map*")]
    [TestCase("selector: {a: x, \"a\": y}", "*key \"a\" already set in map*")]
    [TestCase("selector: {[a]: x}", "*a key must be a string*")]
    [TestCase("selector: {a: [x]}", "*cannot unmarshal a collection into a string*")]
    public void A_document_that_makes_no_sense_is_refused(string text, string message) =>
        FluentActions
            .Invoking(() => Validate("config-domain", ("example.com", text)))
            .Should()
            .Throw<ConfigMapException>()
            .WithMessage(message)
            .Which.Key.Should()
            .Be("example.com");

    [TestCase("config-certmanager", "issuerRef", "{!!str name: x, name: y}")]
    [TestCase("config-deployment", "runtime-class-name", "kata: {selector: {!!str a: x, a: y}}")]
    [TestCase("config-deployment", "runtime-class-name", "{!!str kata: {}, kata: {}}")]
    [TestCase("config-network", "namespace-wildcard-cert-selector", "matchLabels: {!!str a: x, a: y}")]
    [TestCase("config-network", "namespace-wildcard-cert-selector", "matchExpressions: [{!!str key: x, key: y}]")]
    public void Keys_that_are_equal_but_for_a_tag_are_refused(string map, string key, string text) =>
        FluentActions
            .Invoking(() => Validate(map, (key, text)))
            .Should()
            .Throw<ConfigMapException>()
            .Which.Should()
            .Match<ConfigMapException>(refusal =>
                refusal.Key == key && refusal.Message.Contains("already set in map", StringComparison.Ordinal)
            );

    [Test]
    public void Aliases_cannot_multiply_a_document()
    {
        var values = "values: &v [" + Repeat("a,", 5_000) + "b]";
        var text =
            "matchExpressions: [{key: a, operator: In, " + values + "}" + Repeat(", {key: a, operator: In, values: *v}", 5_000) + "]";
        FluentActions
            .Invoking(() => Validate("config-network", ("namespace-wildcard-cert-selector", text)))
            .Should()
            .Throw<ConfigMapException>()
            .WithMessage("*more than 50000 entries*");
        var laughs = "a0: &a0 [x, x]\n" + string.Concat(Enumerable.Range(1, 60).Select(i => $"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n"));
        FluentActions
            .Invoking(() => Validate("config-domain", ("example.com", laughs)))
            .Should()
            .Throw<ConfigMapException>()
            .WithMessage("*more than 50000 entries*");
    }

    [Test]
    public void An_alias_stands_for_what_it_names() =>
        DomainConfigParser
            .Parse(new Dictionary<string, string> { ["example.com"] = "x: &l {app: a}\nselector: *l" })
            .Domains["example.com"]
            .Should()
            .Equal(new Dictionary<string, string> { ["app"] = "a" });

    [TestCase("config-autoscaler", "target-burst-capacity")]
    [TestCase("config-autoscaler", "stable-window")]
    [TestCase("config-autoscaler", "min-scale")]
    [TestCase("config-defaults", "revision-cpu-request")]
    [TestCase("config-gc", "max-non-active-revisions")]
    public void A_number_of_a_million_digits_is_refused_at_once(string map, string key)
    {
        var began = Stopwatch.GetTimestamp();
        foreach (
            var text in new[]
            {
                new string('1', 1_000_000) + "x",
                "1." + new string('1', 1_000_000) + "x",
                "1e" + new string('1', 1_000_000) + "x",
                "0x" + new string('1', 1_000_000),
            }
        )
        {
            var refusal = FluentActions.Invoking(() => Validate(map, (key, text))).Should().Throw<ConfigMapException>().Which;
            refusal.Key.Should().Be(key);
            refusal.Explanation.Should().Contain(key).And.Subject.Length.Should().BeLessThan(1000, "nobody can read more");
        }

        Stopwatch.GetElapsedTime(began).Should().BeLessThan(Soon);
    }

    private static void Validate(string map, (string Key, string Value) entry)
    {
        var data = ConfigKey.Required(map);
        data[entry.Key] = entry.Value;
        KnownConfigMaps.Validate(
            new ConfigMap
            {
                Metadata = new ObjectMeta { Name = map },
                Data = data,
            }
        );
    }

    private static string Repeat(string text, int times) => string.Concat(Enumerable.Repeat(text, times));
}
