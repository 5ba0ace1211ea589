using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Schema;
using Serving.Kubernetes.Yaml;

namespace Serving.Tests.Api;

public sealed class CrdGeneratorTests
{
    // Differences in every definition, with the reason.
    private static readonly Dictionary<string, string> OnPurpose = new()
    {
        ["reference: label app.kubernetes.io/version \"devel\""] =
            "the version is that of an install, which deploy/render puts on everything; no file of a kind names one",
    };

    private static string Folder([CallerFilePath] string here = "") =>
        Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "deploy", "crds");

    [Test]
    public void Files_in_deploy_are_what_the_generator_writes()
    {
        var files = Directory.GetFiles(Folder(), "*.yaml").ToDictionary(f => Path.GetFileName(f)!, File.ReadAllText);

        files
            .Should()
            .Equal(
                CrdGenerator.Generate().ToDictionary(f => f.FileName, f => f.Yaml),
                "run the host's crds command after changing a record or a field rule"
            );
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
        var fromYaml = CrdGenerator.Generate().Select(f => YamlDocuments.Read(f.Yaml).Single());

        fromYaml.Zip(CrdGenerator.Definitions(), (a, b) => JsonNode.DeepEquals(a, b)).Should().AllBeEquivalentTo(true);
    }

    [Test]
    public void Every_kind_of_the_contract_is_there() =>
        CrdGenerator
            .Generate()
            .Select(f => f.FileName)
            .Should()
            .BeEquivalentTo(
                "metrics.autoscaling.internal.knative.dev.yaml",
                "podautoscalers.autoscaling.internal.knative.dev.yaml",
                "images.caching.internal.knative.dev.yaml",
                "certificates.networking.internal.knative.dev.yaml",
                "clusterdomainclaims.networking.internal.knative.dev.yaml",
                "ingresses.networking.internal.knative.dev.yaml",
                "serverlessservices.networking.internal.knative.dev.yaml",
                "configurations.serving.knative.dev.yaml",
                "domainmappings.serving.knative.dev.yaml",
                "revisions.serving.knative.dev.yaml",
                "routes.serving.knative.dev.yaml",
                "services.serving.knative.dev.yaml"
            );

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
        var silent = CrdGenerator
            .Definitions()
            .SelectMany(d =>
                DefinitionFacts
                    .Schemas(SchemaOf(d))
                    .Where(s =>
                        !s.Schema.ContainsKey("description") && (!DefinitionFacts.IsEntry(s.Path) || s.Schema["properties"] is not null)
                    )
                    .Select(s => NameOf(d) + s.Path)
            );

        silent.Where(path => !path.EndsWith(".dev.metadata", StringComparison.Ordinal)).Should().BeEmpty("kubectl explain shows it");
    }

    [Test]
    public void Says_what_the_reference_says_but_for_what_differs_on_purpose()
    {
        var reference = DefinitionFacts.OfReference();
        var ours = CrdGenerator.Definitions().ToDictionary(NameOf, d => DefinitionFacts.Of(d).ToList());

        ours.Keys.Should().BeEquivalentTo(reference.Keys);
        foreach (var (name, facts) in ours)
        {
            var differences = reference[name]
                .Except(facts)
                .Select(f => "reference: " + f)
                .Concat(facts.Except(reference[name]).Select(f => "ours: " + f));

            differences.Should().BeEquivalentTo(OnPurpose.Keys, name);
        }
    }

    private static string NameOf(JsonObject definition) => definition["metadata"]!["name"]!.GetValue<string>();

    private static JsonObject SchemaOf(JsonObject definition) =>
        definition["spec"]!["versions"]![0]!["schema"]!["openAPIV3Schema"]!.AsObject();

    private static JsonObject PodSpecOfService()
    {
        var definition = CrdGenerator
            .Definitions()
            .Single(d => d["metadata"]!["name"]!.GetValue<string>() == "services.serving.knative.dev");
        var schema = definition["spec"]!["versions"]![0]!["schema"]!["openAPIV3Schema"]!;
        return schema["properties"]!["spec"]!["properties"]!["template"]!["properties"]!["spec"]!["properties"]!.AsObject();
    }
}
