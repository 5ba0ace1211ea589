using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.ConfigMaps;
using Serving.Kubernetes.Yaml;
using Serving.Tests.Support;

namespace Serving.Tests.ConfigMaps;

/// <summary>The installed ConfigMaps match the code.</summary>
public sealed partial class DeployedConfigMapsTests
{
    private const string NoDefault = "There is no default.";

    private static IEnumerable<string> Files =>
        Directory.EnumerateFiles(Folder, "*.yaml").Select(path => Path.GetFileNameWithoutExtension(path)!);

    private static string Folder { get; } = Repository.PathOf("deploy", "config");

    [Test]
    public void Every_ConfigMap_that_is_understood_is_installed() =>
        Files.Select(name => "config-" + name).Should().Contain(KnownConfigMaps.All.Select(kind => kind.Name));

    [TestCaseSource(nameof(Files))]
    public void Carries_labels_and_the_checksum_of_its_example(string file)
    {
        var map = Read(file);
        map.Metadata.Name.Should().Be("config-" + file);
        map.Metadata.Labels.Should().ContainKey("app.kubernetes.io/component").And.Contain("app.kubernetes.io/name", "knative-serving");
        map.Metadata.Annotations[ExampleBlock.ChecksumAnnotation].Should().Be(ExampleBlock.Checksum(map.Data[ExampleBlock.Key]));
        FluentActions.Invoking(() => KnownConfigMaps.Validate(map)).Should().NotThrow();
    }

    [TestCaseSource(nameof(Files))]
    public void Documents_keys_with_their_defaults(string file)
    {
        if (KnownConfigMaps.All.FirstOrDefault(k => k.Name == "config-" + file) is not { } kind)
            return;
        var required = new Dictionary<string, string>();
        if (file == "deployment")
            required["queue-sidecar-image"] = "image";
        var start = kind.Apply(ConfigSnapshot.Default, required, "cluster.local");
        foreach (var (key, value, doc) in Examples(Read(file).Data[ExampleBlock.Key]))
        {
            if (doc.EndsWith(NoDefault, StringComparison.Ordinal))
                continue;
            var documented = Stated().Match(doc) is { Success: true } stated ? stated.Groups[1].Value : value;
            var parsed = kind.Apply(
                ConfigSnapshot.Default,
                new Dictionary<string, string>(required) { [key] = documented },
                "cluster.local"
            );
            parsed
                .Should()
                .BeEquivalentTo(
                    start,
                    options => options.ComparingByMembers<ConfigSnapshot>().Excluding(member => member.Type.Name.StartsWith("Func")),
                    "{0} documents {1}",
                    file,
                    key
                );
        }
    }

    [TestCaseSource(nameof(Files))]
    public void Says_one_thing_about_a_default(string file) =>
        Examples(Read(file).Data[ExampleBlock.Key])
            .Where(e =>
                e.Doc.Contains("(the default)", StringComparison.Ordinal)
                || e.Doc.Contains("by default", StringComparison.Ordinal)
                || (e.Doc.EndsWith(NoDefault, StringComparison.Ordinal) && Stated().IsMatch(e.Doc))
            )
            .Should()
            .BeEmpty("a default that is not the value shown is said as \"The default is X.\"");

    [TestCaseSource(nameof(Files))]
    public void Documents_every_key_that_is_understood(string file)
    {
        if (KnownConfigMaps.All.FirstOrDefault(k => k.Name == "config-" + file) is not { } kind)
            return;
        KeyTests
            .Asked(kind)
            .Concat(ConfigKeys.All.Where(key => key.Map == kind.Name).Select(key => key.Key))
            .Except(KeyTests.OlderOf(kind.Name))
            .Except([ExampleBlock.Key])
            .Should()
            .BeSubsetOf(Examples(Read(file).Data[ExampleBlock.Key]).Select(e => e.Key));
    }

    [TestCaseSource(nameof(Files))]
    public void Documents_values_that_are_valid_together(string file)
    {
        if (KnownConfigMaps.All.FirstOrDefault(k => k.Name == "config-" + file) is not { } kind)
            return;
        var data = Examples(Read(file).Data[ExampleBlock.Key]).ToDictionary(e => e.Key, e => e.Value);
        FluentActions.Invoking(() => kind.Apply(ConfigSnapshot.Default, data, "cluster.local")).Should().NotThrow();
    }

    [Test]
    public void An_example_that_was_edited_is_refused()
    {
        var map = Read("gc");
        var edited = map with
        {
            Data = new Dictionary<string, string>(map.Data) { [ExampleBlock.Key] = map.Data[ExampleBlock.Key] + "x: y" },
        };
        FluentActions
            .Invoking(() => KnownConfigMaps.Validate(edited))
            .Should()
            .Throw<ConfigMapException>()
            .WithMessage("the update modifies a key in \"_example\"*");
    }

    [Test]
    public void Checksums_do_not_depend_on_white_space_around_and_empty_lines() =>
        ExampleBlock.Checksum("\n a\n\n\nb \r\n").Should().Be(ExampleBlock.Checksum("a\nb"));

    private static ConfigMap Read(string file)
    {
        var root = YamlDocuments.Read(File.ReadAllText(Path.Combine(Folder, file + ".yaml"))).Single();
        var meta = root["metadata"]!;
        return new ConfigMap
        {
            Metadata = new ObjectMeta
            {
                Name = meta["name"]!.ToString(),
                Labels = Strings(meta["labels"]),
                Annotations = Strings(meta["annotations"]),
            },
            Data = Strings(root["data"]),
        };
    }

    private static Dictionary<string, string> Strings(JsonNode? node) =>
        ((JsonObject)node!).ToDictionary(e => e.Key, e => e.Value!.ToString());

    [GeneratedRegex(@"The default is (.+)\.$")]
    private static partial Regex Stated();

    /// <summary>The keys of an example with the comment above each.</summary>
    private static IEnumerable<(string Key, string Value, string Doc)> Examples(string text)
    {
        foreach (var part in text.Split("\n\n"))
        {
            var lines = part.Split('\n');
            var doc = string.Join(' ', lines.TakeWhile(l => l.StartsWith('#')).Select(l => l[1..].Trim()));
            if (YamlReader.ReadFirst(part, 1000) is not YamlMap map)
                continue;
            foreach (var (key, value) in map.Entries)
                yield return (key, ((YamlScalar)value).Text, doc);
        }
    }
}
