using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;
using Serving.LocalCluster.ApiServer.Patches;

namespace Serving.Tests.Webhook;

/// <summary>Every default and every error of every kind and ConfigMap, one row each, through the webhook's real TLS listener.</summary>
public sealed class AdmissionTableTests
{
    private static readonly string[] Maps = ["config-autoscaler", "config-defaults", "config-features", "config-network"];
    private RunningWebhook _webhook = null!;

    private static IEnumerable<TestCaseData> Validations =>
        AdmissionCase.All.Where(c => c.Defaulted is null && c.Undecodable.Length == 0).Select(ToCase);

    private static IEnumerable<TestCaseData> Unreadable => AdmissionCase.All.Where(c => c.Undecodable.Length > 0).Select(ToCase);

    private static IEnumerable<TestCaseData> Defaults => AdmissionCase.All.Where(c => c.Defaulted is not null).Select(ToCase);

    [OneTimeSetUp]
    public async Task Start() => _webhook = await RunningWebhook.StartAsync();

    [OneTimeTearDown]
    public async Task Stop() => await _webhook.DisposeAsync();

    [TestCaseSource(nameof(Validations))]
    public async Task Validation(object row)
    {
        var rule = (AdmissionCase)row;
        Configure(rule);

        var response = await _webhook.AskAsync(
            rule.Kind == "ConfigMap" ? "/config-validation" : "/resource-validation",
            rule.Request(rule.Object)
        );

        var message = (string?)response["status"]?["message"] ?? "";
        message.Should().Be(rule.Refusal.Length == 0 ? "" : $"validation failed: {rule.Refusal}");
        ((bool)response["allowed"]!).Should().Be(rule.Refusal.Length == 0);
        if (rule.Warnings is { } warnings)
        {
            (response["warnings"] as JsonArray ?? []).Select(w => (string)w!).Should().Equal(warnings);
        }
    }

    [TestCaseSource(nameof(Unreadable))]
    public async Task Decoding(object row)
    {
        var rule = (AdmissionCase)row;
        Configure(rule);

        foreach (var (path, prefix) in new[] { ("/defaulting", "mutation failed"), ("/resource-validation", "decoding request failed") })
        {
            var response = await _webhook.AskAsync(path, rule.Request(rule.Object));

            ((bool)response["allowed"]!).Should().BeFalse(path);
            ((string)response["status"]!["message"]!).Should().Be($"{prefix}: cannot decode incoming new object: {rule.Undecodable}");
        }
    }

    [TestCaseSource(nameof(Defaults))]
    public async Task Defaulting(object row)
    {
        var rule = (AdmissionCase)row;
        Configure(rule);

        var response = await _webhook.AskAsync("/defaulting", rule.Request(rule.Object));

        ((bool)response["allowed"]!).Should().BeTrue(response.ToJsonString());
        var patch = (string?)response["patch"] is { } bytes ? JsonNode.Parse(Convert.FromBase64String(bytes))!.AsArray() : [];
        var defaulted = rule.WithoutStamp(JsonPatch.Apply(rule.Object.DeepClone(), patch)!.AsObject());
        JsonNode.DeepEquals(defaulted, rule.Defaulted).Should().BeTrue($"it is\n{defaulted}\nand not\n{rule.Defaulted}");

        var again = await _webhook.AskAsync("/defaulting", rule.Request(JsonPatch.Apply(rule.Object.DeepClone(), patch)!.AsObject()));
        again["patch"].Should().BeNull("defaults do not change twice");
    }

    private static TestCaseData ToCase(AdmissionCase rule) => new TestCaseData(rule).SetArgDisplayNames(rule.ToString());

    // A ConfigMap that a row does not name is as installed.
    private void Configure(AdmissionCase rule)
    {
        var data = rule.Config.ToDictionary(c => c.Map, c => c.Data);
        foreach (var map in Maps)
        {
            _webhook.Configure(map, data.GetValueOrDefault(map, new Dictionary<string, string>()));
        }
    }
}
