using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.LocalCluster.Api;
using Serving.Tests.Support;

namespace Serving.Tests.Deploy;

/// <summary>The files of the next release over an installation that its users have configured.</summary>
[TestFixture]
public sealed class UpgradeTests
{
    private const string Version = "0.1.0";
    private const string Next = "0.2.0";
    private const string ConfigMap = "/api/v1/namespaces/knative-serving/configmaps/config-gc";
    private const string Definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/services.serving.knative.dev";
    private const string Deployment = "/apis/apps/v1/namespaces/knative-serving/deployments/serving";

    [Test]
    public async Task What_users_set_stays_and_everything_else_becomes_the_next_release()
    {
        Kubectl.Require();
        await using var server = await RunningServer.StartAsync();
        await ApplyAsync(server, RenderedManifest.PathOf("serving.yaml"));
        await server.SendAsync(HttpMethod.Patch, ConfigMap, """{"data":{"max-non-active-revisions":"7"}}""", "application/merge-patch+json");
        var before = (await server.GetAsync(Definition)).Body;
        var next = Path.Combine(server.Directory, "next.yaml");
        await File.WriteAllTextAsync(next, (await File.ReadAllTextAsync(RenderedManifest.PathOf("serving.yaml"))).Replace(Version, Next, StringComparison.Ordinal));

        await ApplyAsync(server, next);

        ((string)(await server.GetAsync(ConfigMap)).Body["data"]!["max-non-active-revisions"]!).Should().Be("7");
        var definition = (await server.GetAsync(Definition)).Body;
        ((string)definition["metadata"]!["uid"]!).Should().Be((string)before["metadata"]!["uid"]!, "a definition that is made anew takes every Service with it");
        VersionOf(definition).Should().Be(Next);
        ((string)(await server.GetAsync(Deployment)).Body["spec"]!["template"]!["spec"]!["containers"]![0]!["image"]!).Should().EndWith($":v{Next}");
        var jobs = (await server.GetAsync("/apis/batch/v1/namespaces/knative-serving/jobs")).Body["items"]!.AsArray().Select(job => (string)job!["metadata"]!["name"]!);
        jobs.Should().BeEquivalentTo($"storage-version-migration-serving-{Version}", $"storage-version-migration-serving-{Next}");
    }

    private static string VersionOf(JsonObject document) => (string)document["metadata"]!["labels"]!["app.kubernetes.io/version"]!;

    private static async Task ApplyAsync(RunningServer server, string file)
    {
        var (code, output) = await Kubectl.RunAsync("kubectl", ["apply", "-f", file], server.Server.KubeconfigPath);
        code.Should().Be(0, output);
    }
}
