using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Schema;
using YamlDotNet.Serialization;

namespace Serving.Tests.Api;

public sealed class CrdGeneratorTests
{
    private static string Folder([CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "deploy", "crds");

    [Test]
    public void Files_in_deploy_are_what_the_generator_writes()
    {
        var files = Directory.GetFiles(Folder(), "*.yaml").ToDictionary(f => Path.GetFileName(f)!, File.ReadAllText);

        files.Should().Equal(CrdGenerator.Generate().ToDictionary(f => f.FileName, f => f.Yaml), "run the host's crds command after changing a record or a field rule");
    }

    [Test]
    [Explicit("Writes deploy/crds anew.")]
    public void Write_the_files()
    {
        Directory.CreateDirectory(Folder());
        foreach (var (name, yaml) in CrdGenerator.Generate())
        {
            File.WriteAllText(Path.Combine(Folder(), name), yaml);
        }
    }

    [Test]
    public void Yaml_says_the_same_as_the_definition()
    {
        var reader = new DeserializerBuilder().WithAttemptingUnquotedStringTypeDeserialization().Build();
        var writer = new SerializerBuilder().JsonCompatible().Build();

        var fromYaml = CrdGenerator.Generate().Select(f => JsonNode.Parse(writer.Serialize(reader.Deserialize(f.Yaml)!)!)!);

        fromYaml.Zip(CrdGenerator.Definitions(), (a, b) => JsonNode.DeepEquals(a, b)).Should().AllBeEquivalentTo(true);
    }

    [Test]
    public void Every_kind_of_the_contract_is_there()
        => CrdGenerator.Generate().Select(f => f.FileName).Should().BeEquivalentTo(
            "metrics.autoscaling.internal.knative.dev.yaml", "podautoscalers.autoscaling.internal.knative.dev.yaml", "images.caching.internal.knative.dev.yaml",
            "certificates.networking.internal.knative.dev.yaml", "clusterdomainclaims.networking.internal.knative.dev.yaml",
            "ingresses.networking.internal.knative.dev.yaml", "serverlessservices.networking.internal.knative.dev.yaml",
            "configurations.serving.knative.dev.yaml", "domainmappings.serving.knative.dev.yaml", "revisions.serving.knative.dev.yaml",
            "routes.serving.knative.dev.yaml", "services.serving.knative.dev.yaml");

    [Test]
    public void Fields_behind_a_flag_keep_what_is_in_them_and_say_so()
    {
        var affinity = PodSpecOfService()["affinity"]!;

        affinity["x-kubernetes-preserve-unknown-fields"]!.GetValue<bool>().Should().BeTrue();
        affinity["description"]!.GetValue<string>().Should().Be("This is accessible behind a feature flag - kubernetes.podspec-affinity");
    }

    [TestCase("nodeName")]
    [TestCase("restartPolicy")]
    [TestCase("terminationGracePeriodSeconds")]
    [TestCase("activeDeadlineSeconds")]
    public void Pod_fields_that_are_refused_are_pruned(string field) => PodSpecOfService().ContainsKey(field).Should().BeFalse();

    [Test]
    public void Every_field_is_explained()
    {
        var silent = CrdGenerator.Definitions().SelectMany(d => Fields(SchemaOf(d), "").Where(f => !f.Schema.ContainsKey("description")).Select(f => NameOf(d) + f.Path));

        silent.Where(path => !path.EndsWith(".dev.metadata")).Should().BeEmpty("kubectl explain shows it");
    }

    [Test]
    public void Exactly_the_fields_of_the_reference_are_known_and_kept()
    {
        var wanted = new Dictionary<string, List<string>>();
        foreach (var line in File.ReadLines(Path.Combine(Folder(), "..", "..", "Serving.Tests", "Api", "reference-fields.txt")).Where(l => !l.StartsWith('#')))
        {
            if (line.StartsWith(' '))
            {
                wanted.Last().Value.Add(line.Trim());
            }
            else
            {
                wanted[line] = [];
            }
        }

        wanted.Should().HaveCount(11);
        foreach (var definition in CrdGenerator.Definitions().Where(d => wanted.ContainsKey(NameOf(d))))
        {
            var known = Fields(SchemaOf(definition), "").Select(f => f.Path)
                .Concat(Everything(SchemaOf(definition), "").Where(f => f.Schema.ContainsKey("x-kubernetes-preserve-unknown-fields")).Select(f => f.Path + " *"));

            known.Should().BeEquivalentTo(wanted[NameOf(definition)], NameOf(definition));
        }
    }

    private static string NameOf(JsonObject definition) => definition["metadata"]!["name"]!.GetValue<string>();

    private static JsonObject SchemaOf(JsonObject definition) => definition["spec"]!["versions"]![0]!["schema"]!["openAPIV3Schema"]!.AsObject();

    // The members of objects, without the entries of lists and maps.
    private static IEnumerable<(string Path, JsonObject Schema)> Fields(JsonObject schema, string path)
        => Everything(schema, path).Where(f => f.Path.Length > 0 && !f.Path.EndsWith("[]", StringComparison.Ordinal) && !f.Path.EndsWith("{}", StringComparison.Ordinal));

    private static IEnumerable<(string Path, JsonObject Schema)> Everything(JsonObject schema, string path)
    {
        var inside = (schema["properties"] as JsonObject ?? []).SelectMany(p => Everything(p.Value!.AsObject(), $"{path}.{p.Key}"));
        return new[] { (path, schema) }
            .Concat(inside)
            .Concat(schema["items"] is JsonObject items ? Everything(items, path + "[]") : [])
            .Concat(schema["additionalProperties"] is JsonObject values ? Everything(values, path + "{}") : []);
    }

    private static JsonObject PodSpecOfService()
    {
        var definition = CrdGenerator.Definitions().Single(d => d["metadata"]!["name"]!.GetValue<string>() == "services.serving.knative.dev");
        var schema = definition["spec"]!["versions"]![0]!["schema"]!["openAPIV3Schema"]!;
        return schema["properties"]!["spec"]!["properties"]!["template"]!["properties"]!["spec"]!["properties"]!.AsObject();
    }
}
