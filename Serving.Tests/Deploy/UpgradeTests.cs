using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.LocalCluster.ApiServer;
using Serving.Tests.Support;

namespace Serving.Tests.Deploy;

/// <summary>The files of the next release over an installation that its users have configured.</summary>
[TestFixture]
[Category("Slow")]
[Parallelizable]
public sealed class UpgradeTests
{
    private const string Version = "0.1.0";
    private const string Next = "0.2.0";
    private const string ConfigMap = "/api/v1/namespaces/knative-serving/configmaps/config-gc";
    private const string Definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/services.serving.knative.dev";
    private const string Job = "/apis/batch/v1/namespaces/knative-serving/jobs/storage-version-migration-serving-0-1-0";
    private const string Deployment = "/apis/apps/v1/namespaces/knative-serving/deployments/serving";

    [Test]
    public async Task What_users_set_stays_and_everything_else_becomes_the_next_release()
    {
        Kubectl.Require();
        await using var server = await RunningServer.StartAsync();
        await ApplyAsync(server, RenderedManifest.PathOf("serving.yaml"));
        await server.SendAsync(
            HttpMethod.Patch,
            ConfigMap,
            """{"data":{"max-non-active-revisions":"7"}}""",
            "application/merge-patch+json"
        );
        var before = (await server.GetAsync(Definition)).Body;
        var next = Path.Combine(server.Directory, "next.yaml");
        await File.WriteAllTextAsync(
            next,
            (await File.ReadAllTextAsync(RenderedManifest.PathOf("serving.yaml"))).Replace(Version, Next, StringComparison.Ordinal)
        );

        await ApplyAsync(server, next);

        ((string)(await server.GetAsync(ConfigMap)).Body["data"]!["max-non-active-revisions"]!).Should().Be("7");
        var definition = (await server.GetAsync(Definition)).Body;
        ((string)definition["metadata"]!["uid"]!)
            .Should()
            .Be((string)before["metadata"]!["uid"]!, "a definition that is made anew takes every Service with it");
        VersionOf(definition).Should().Be(Next);
        ((string)(await server.GetAsync(Deployment)).Body["spec"]!["template"]!["spec"]!["containers"]![0]!["image"]!)
            .Should()
            .EndWith($":v{Next}");
    }

    [Test]
    public async Task A_migration_is_applied_again_without_effect_and_with_another_registry_after_it_was_deleted()
    {
        Kubectl.Require();
        await using var server = await RunningServer.StartAsync();
        await ApplyAsync(server, RenderedManifest.PathOf("serving.yaml"));
        var file = RenderedManifest.PathOf("storage-migration.yaml");
        await ApplyAsync(server, file);
        var first = (await server.GetAsync(Job)).Body["metadata"]!;

        await ApplyAsync(server, file);
        ((string)(await server.GetAsync(Job)).Body["metadata"]!["uid"]!)
            .Should()
            .Be((string)first["uid"]!, "it ran, and runs no second time");

        var mirrored = Path.Combine(server.Directory, "mirrored.yaml");
        await File.WriteAllTextAsync(
            mirrored,
            (await File.ReadAllTextAsync(file)).Replace("ghcr.io/serving/", "registry.example.com/serving/", StringComparison.Ordinal)
        );
        (await Kubectl.RunAsync("kubectl", ["delete", "-f", file, "--wait=false"], server.Server.KubeconfigPath)).Code.Should().Be(0);
        await ApplyAsync(server, mirrored);
        ((string)(await server.GetAsync(Job)).Body["spec"]!["template"]!["spec"]!["containers"]![0]!["image"]!)
            .Should()
            .StartWith("registry.example.com/");
    }

    [Test]
    public async Task An_adopted_cluster_keeps_what_its_ConfigMaps_said()
    {
        const string Network = "/api/v1/namespaces/knative-serving/configmaps/config-network";
        Kubectl.Require();
        await using var server = await RunningServer.StartAsync();
        var theirs = Path.Combine(server.Directory, "theirs.yaml");
        await File.WriteAllTextAsync(
            theirs,
            """
            apiVersion: v1
            kind: Namespace
            metadata: {name: knative-serving, labels: {pod-security.kubernetes.io/enforce: baseline}}
            ---
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: config-network, namespace: knative-serving}
            data: {ingress-class: kourier.ingress.networking.knative.dev}
            """
        );
        await ApplyAsync(server, theirs);

        await ApplyAsync(server, RenderedManifest.PathOf("serving-adopted.yaml"));

        (await server.GetAsync(Network)).Body["data"]!
            .ToJsonString()
            .Should()
            .Be("""{"ingress-class":"kourier.ingress.networking.knative.dev"}""");
        (await server.GetAsync("/api/v1/namespaces/knative-serving")).Body["metadata"]!["labels"]!
            .ToJsonString()
            .Should()
            .Contain("baseline")
            .And.NotContain("restricted");
    }

    private static string VersionOf(JsonObject document) => (string)document["metadata"]!["labels"]!["app.kubernetes.io/version"]!;

    private static async Task ApplyAsync(RunningServer server, string file)
    {
        var (code, output) = await Kubectl.RunAsync("kubectl", ["apply", "-f", file], server.Server.KubeconfigPath);
        code.Should().Be(0, output);
    }
}
