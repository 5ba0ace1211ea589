using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.LocalCluster.Api;
using Serving.Tests.Support;

namespace Serving.Tests.Deploy;

/// <summary>The default install by one <c>kubectl apply -f</c> on a fresh cluster, and what can be applied after it.</summary>
public sealed class KubectlApplyTests
{
    private RunningServer server = null!;
    private (int Code, string Output) first;

    private static IReadOnlyList<string> Files => RenderedManifest.Names;

    [OneTimeSetUp]
    public async Task InstallAsync()
    {
        Kubectl.Require();
        server = await RunningServer.StartAsync();
        first = await ApplyAsync("serving.yaml");
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (server is not null)
        {
            await server.DisposeAsync();
        }
    }

    [Test]
    public void One_apply_creates_every_object()
    {
        first.Code.Should().Be(0, first.Output);
        Lines(first.Output).Should().HaveCount(RenderedManifest.Read("serving.yaml").Count).And.OnlyContain(line => line.EndsWith(" created", StringComparison.Ordinal));
    }

    [Test]
    public async Task A_second_apply_changes_nothing()
    {
        var before = await VersionsAsync();

        var (code, output) = await ApplyAsync("serving.yaml");

        // What kubectl prints is no measure: it says "configured" of a PodDisruptionBudget whose selector it replaces by the same.
        code.Should().Be(0, output);
        (await VersionsAsync()).Should().Equal(before);
    }

    [TestCaseSource(nameof(Files))]
    public async Task Going_to_another_overlay_is_accepted(string file)
    {
        var (code, output) = await ApplyAsync(file, "--dry-run=server", "--validate=strict");

        code.Should().Be(0, output);
    }

    /// <summary>What kubectl says of each object; a local cluster also warns of kinds that it has no controller for.</summary>
    private static string[] Lines(string output)
        => [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => !line.StartsWith("Warning: the local cluster has no controller", StringComparison.Ordinal))];

    /// <summary>The resourceVersion of every object of the install.</summary>
    private async Task<string[]> VersionsAsync()
    {
        var (code, output) = await Kubectl.RunAsync(
            "kubectl",
            ["get", "-f", RenderedManifest.PathOf("serving.yaml"), "-o", "jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion}{\"\\n\"}{end}"],
            server.Server.KubeconfigPath);
        code.Should().Be(0, output);
        return Lines(output);
    }

    private Task<(int Code, string Output)> ApplyAsync(string file, params string[] options)
        => Kubectl.RunAsync("kubectl", ["apply", "-f", RenderedManifest.PathOf(file), .. options], server.Server.KubeconfigPath);
}
