using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Controller.DisruptionBudgets;
using Serving.Kubernetes;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Tests.LocalCluster.ApiServer;
using Serving.Tests.Support;

namespace Serving.Tests.Deploy;

/// <summary>The default install by one <c>kubectl apply -f</c> on a fresh cluster, and what can be applied after it.</summary>
[Category("Slow")]
[Parallelizable]
public sealed class KubectlApplyTests
{
    private RunningServer _server = null!;
    private (int Code, string Output) _first;

    private static IEnumerable<string> Everything => [.. RenderedManifest.Names, "storage-migration.yaml", "default-domain.yaml"];

    [OneTimeSetUp]
    public async Task InstallAsync()
    {
        Kubectl.Require();
        _server = await RunningServer.StartAsync();
        _first = await ApplyAsync("serving.yaml");
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }

    [Test]
    public void One_apply_creates_every_object()
    {
        _first.Code.Should().Be(0, _first.Output);
        Lines(_first.Output)
            .Should()
            .HaveCount(RenderedManifest.Read("serving.yaml").Count)
            .And.OnlyContain(line => line.EndsWith(" created", StringComparison.Ordinal));
    }

    [Test]
    public async Task A_second_apply_changes_nothing()
    {
        var before = await VersionsAsync();

        var (code, output) = await ApplyAsync("serving.yaml");

        code.Should().Be(0, output);
        Lines(output).Should().OnlyContain(line => line.EndsWith(" unchanged", StringComparison.Ordinal));
        (await VersionsAsync()).Should().Equal(before);
    }

    [TestCaseSource(nameof(Everything))]
    [Parallelizable(ParallelScope.Children)]
    public async Task Going_to_another_overlay_is_accepted_and_applying_it_again_says_unchanged_of_all(string file)
    {
        await using var other = await RunningServer.StartAsync();
        (await ApplyAsync(other, "serving.yaml")).Code.Should().Be(0);

        var (code, output) = await ApplyAsync(other, file, "--validate=strict");
        code.Should().Be(0, output);

        (code, output) = await ApplyAsync(other, file, "--validate=strict");
        code.Should().Be(0, output);
        Lines(output).Should().NotBeEmpty().And.OnlyContain(line => line.EndsWith(" unchanged", StringComparison.Ordinal));
    }

    [Test]
    public async Task The_leader_gives_each_Deployment_a_budget_that_never_forbids_a_drain_unless_there_is_one()
    {
        await using var other = await RunningServer.StartAsync();
        (await ApplyAsync(other, "serving-split.yaml")).Code.Should().Be(0);
        using var client = new ClusterClient(ClusterAccess.FromKubeconfig(other.Server.KubeconfigPath));
        var deployments = await client.ListAsync(Resources.Deployments, "knative-serving", null, CancellationToken.None);
        var cluster = new InMemoryCluster();
        foreach (var deployment in deployments.Items)
            cluster.Put(Resources.Deployments, deployment);
        var reconciler = new DisruptionBudgetReconciler(cluster.For(Resources.Deployments).Lister, "knative-serving");

        for (var round = 0; round < 2; round++)
        {
            foreach (var deployment in deployments.Items)
                await reconciler.ReconcileAsync(ObjectKey.Of(deployment), client, CancellationToken.None);
        }

        var budgets = (await client.ListAsync(DisruptionBudgetReconciler.Budgets, "knative-serving", null, CancellationToken.None)).Items;
        budgets.Should().HaveCount(2).And.HaveCount(deployments.Items.Count);
        foreach (var deployment in deployments.Items)
        {
            var budget = budgets.Single(budget =>
                budget.Strings("spec", "selector", "matchLabels").Selects(deployment.Spec!.Template!.Metadata!.Labels.ToDictionary())
            );
            budget.Get("spec", "maxUnavailable")!.Value.GetInt32().Should().Be(1);
            budget.Metadata.OwnerReferences.Single().Uid.Should().Be(deployment.Metadata.Uid, "it goes with its Deployment");
        }

        // As an older release, or the user, has one under another name.
        var mine = budgets[0].ToJson();
        mine["metadata"] = new JsonObject { ["name"] = "mine", ["namespace"] = "knative-serving" };
        await client.DeleteAsync(DisruptionBudgetReconciler.Budgets, "knative-serving", budgets[0].Metadata.Name, CancellationToken.None);
        await client.CreateAsync(DisruptionBudgetReconciler.Budgets, new Unstructured(mine), CancellationToken.None);
        foreach (var deployment in deployments.Items)
            await reconciler.ReconcileAsync(ObjectKey.Of(deployment), client, CancellationToken.None);
        (await client.ListAsync(DisruptionBudgetReconciler.Budgets, "knative-serving", null, CancellationToken.None))
            .Items.Should()
            .HaveCount(2);
    }

    /// <summary>What kubectl says of each object; a local cluster also warns of kinds that it has no controller for.</summary>
    private static string[] Lines(string output) =>
        [
            .. output
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Where(line => !line.StartsWith("Warning: the local cluster has no controller", StringComparison.Ordinal)),
        ];

    /// <summary>The resourceVersion of every object of the install.</summary>
    private async Task<string[]> VersionsAsync()
    {
        var (code, output) = await Kubectl.RunAsync(
            "kubectl",
            [
                "get",
                "-f",
                RenderedManifest.PathOf("serving.yaml"),
                "-o",
                "jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion}{\"\\n\"}{end}",
            ],
            _server.Server.KubeconfigPath
        );
        code.Should().Be(0, output);
        return Lines(output);
    }

    private Task<(int Code, string Output)> ApplyAsync(string file) => ApplyAsync(_server, file);

    private static Task<(int Code, string Output)> ApplyAsync(RunningServer to, string file, params string[] options) =>
        Kubectl.RunAsync("kubectl", ["apply", "-f", RenderedManifest.PathOf(file), .. options], to.Server.KubeconfigPath);
}
