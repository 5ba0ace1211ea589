using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Config;
using Serving.ConfigMaps;
using Serving.Tests.Support;

namespace Serving.Tests.ConfigMaps;

/// <summary>docs/configuration.md describes every key, with the default in the code.</summary>
public sealed class ConfigurationDocTests
{
    private static readonly Dictionary<string, string> Sections = File.ReadAllText(
            Path.Combine(Repository.Root, "docs", "configuration.md")
        )
        .Split("\n## ")
        .Skip(1)
        .ToDictionary(
            section => section[..section.IndexOf('\n', StringComparison.Ordinal)].Trim(),
            section => section,
            StringComparer.Ordinal
        );

    private static IEnumerable<string> Maps => KnownConfigMaps.All.Select(kind => kind.Name);

    [Test]
    public void There_is_a_section_for_every_ConfigMap() =>
        Sections.Keys.Where(title => title.StartsWith("config-", StringComparison.Ordinal)).Should().BeEquivalentTo(Maps);

    [TestCaseSource(nameof(Maps))]
    public void Every_key_that_is_understood_is_listed(string map)
    {
        var kind = KnownConfigMaps.All.Single(known => known.Name == map);
        foreach (var key in KeyTests.Asked(kind))
            Sections[map].Should().Contain($"`{key}`");
        ConfigKeys.All.Where(key => key.Map == map).Select(key => key.Key).Should().BeSubsetOf(Rows(map).Select(row => row.Key));
    }

    [TestCaseSource(nameof(Maps))]
    public void Every_default_is_that_of_the_code(string map)
    {
        var kind = KnownConfigMaps.All.Single(known => known.Name == map);
        var start = kind.Apply(ConfigSnapshot.Default, ConfigKey.Required(map), "cluster.local");
        foreach (var (key, value, _) in Rows(map).Where(row => row.Default is not null))
        {
            var data = ConfigKey.Required(map);
            data[key] = value!;
            kind.Apply(ConfigSnapshot.Default, data, "cluster.local")
                .Should()
                .BeEquivalentTo(
                    start,
                    options => options.ComparingByMembers<ConfigSnapshot>().Excluding(member => member.Type.Name.StartsWith("Func")),
                    "{0} of {1}",
                    key,
                    map
                );
        }
    }

    [TestCaseSource(nameof(Maps))]
    public void A_key_without_a_default_has_none_in_the_code(string map)
    {
        var silent = Rows(map).Where(row => row.Default is null).Select(row => row.Key).ToHashSet(StringComparer.Ordinal);
        foreach (var key in ConfigKeys.All.Where(key => key.Map == map && silent.Contains(key.Key)))
        {
            if (key.Key is "queue-sidecar-image" or "logging.request-log-template" || map == "config-logging")
                continue;
            key.Default.Should().BeNull("{0} of {1} is documented without a default", key.Key, map);
        }
    }

    [TestCaseSource(nameof(Maps))]
    public void Every_key_says_whether_it_is_in_effect(string map) =>
        Rows(map).Where(row => !row.InEffect.StartsWith("yes") && row.InEffect is not ("passed on" or "elsewhere")).Should().BeEmpty();

    /// <summary>The rows of a section's table; a default without back ticks is none.</summary>
    private static IEnumerable<(string Key, string? Default, string InEffect)> Rows(string map) =>
        Sections[map]
            .Split('\n')
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal) || line.StartsWith("| *", StringComparison.Ordinal))
            .Select(line => line.Trim('|', ' ').Split(" | ").Select(cell => cell.Trim(' ', '|')).ToArray())
            .Select(cells =>
                (
                    cells[0].Trim('`'),
                    cells[1].StartsWith('`') ? cells[1].Trim('`').Replace("\"\"", "", StringComparison.Ordinal) : null,
                    cells[^1]
                )
            );
}
