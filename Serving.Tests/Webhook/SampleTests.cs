using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using FluentAssertions;
using NUnit.Framework;
using Serving.Kubernetes.Yaml;
using Serving.LocalCluster.ApiServer.Patches;
using Serving.Tests.Support;

namespace Serving.Tests.Webhook;

/// <summary>The samples, and the patches that README.md suggests.</summary>
public sealed partial class SampleTests
{
    private RunningWebhook _webhook = null!;

    private static IEnumerable<string> Samples =>
        Directory.EnumerateFiles(Repository.PathOf("samples"), "*.yaml").Select(file => Path.GetFileName(file)!).Order();

    private static IEnumerable<TestCaseData> Patches =>
        PatchCommand()
            .Matches(File.ReadAllText(Repository.PathOf("README.md")))
            .Select(match => new TestCaseData(match.Groups["type"].Value, match.Groups["patch"].Value));

    [OneTimeSetUp]
    public async Task Start() => _webhook = await RunningWebhook.StartAsync();

    [OneTimeTearDown]
    public async Task Stop() => await _webhook.DisposeAsync();

    [TestCaseSource(nameof(Samples))]
    public async Task Applying_a_sample_brings_no_warning(string file)
    {
        foreach (var sample in Read(file))
        {
            var response = await _webhook.AskAsync("/resource-validation", Request(await DefaultedAsync(sample), null));

            ((bool)response["allowed"]!).Should().BeTrue(response.ToJsonString());
            response["warnings"].Should().BeNull(response.ToJsonString());
        }
    }

    [TestCaseSource(nameof(Patches))]
    public async Task A_patch_of_the_README_brings_no_warning(string type, string text)
    {
        var stored = await DefaultedAsync(Read("helloworld.yaml").Single());
        var patch = YamlDocuments.Read(text).Single();
        var patched =
            type == "json"
                ? JsonPatch.Apply(stored.DeepClone(), patch.AsArray())!.AsObject()
                : MergePatch.Apply((JsonObject)stored.DeepClone(), patch.AsObject());

        var response = await _webhook.AskAsync("/resource-validation", Request(patched, stored));

        JsonNode.DeepEquals(stored, patched).Should().BeFalse("the patch changes the Service");
        response["warnings"].Should().BeNull(response.ToJsonString());
        ((bool)response["allowed"]!).Should().Be(!text.Contains("-1", StringComparison.Ordinal), response.ToJsonString());
    }

    private static IEnumerable<JsonObject> Read(string file) =>
        YamlDocuments.Read(File.ReadAllText(Repository.PathOf("samples", file))).Select(document => document.AsObject());

    private static string Request(JsonObject value, JsonObject? old) =>
        new JsonObject
        {
            ["uid"] = "u",
            ["kind"] = new JsonObject
            {
                ["group"] = "serving.knative.dev",
                ["version"] = "v1",
                ["kind"] = "Service",
            },
            ["operation"] = old is null ? "CREATE" : "UPDATE",
            ["userInfo"] = new JsonObject { ["username"] = "ann" },
            ["object"] = value.DeepClone(),
            ["oldObject"] = old?.DeepClone(),
        }.ToJsonString();

    private async Task<JsonObject> DefaultedAsync(JsonObject value)
    {
        var response = await _webhook.AskAsync("/defaulting", Request(value, null));
        return JsonPatch
            .Apply(value.DeepClone(), JsonNode.Parse(Convert.FromBase64String((string)response["patch"]!))!.AsArray())!
            .AsObject();
    }

    [GeneratedRegex(@"kubectl patch ksvc hello --type (?<type>json|merge) -p '(?<patch>[^']+)'")]
    private static partial Regex PatchCommand();
}
