using System.Text.RegularExpressions;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Tests.Docs;

namespace Serving.Tests.Cluster.EndToEnd;

/// <summary>
/// The mistakes of docs/troubleshooting.md produce the documented conditions. Not tested here are those that the local cluster does not
/// support: missing volume claims, memory limits, other CPU architectures, quotas, and an installation without automatic domain claims.
/// </summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category("Slow")]
public sealed partial class TroubleshootingTests : EndToEndTests
{
    private const string Shop = "shop";
    private const string NotMapped =
        "image \"registry.example.com/shop:v2\" is not in the image map: add --image 'registry.example.com/shop:v2=COMMAND' to map it to a program";
    private const string NameTaken = "Another object has the name";

    private static readonly string[] OfTheTemplate =
    [
        "The image cannot be pulled",
        "The program ends with an error",
        "The program does not listen at $PORT",
        "The readiness probe does not succeed",
        "A variable names a Secret or ConfigMap that does not exist",
        "A volume names a Secret or ConfigMap that does not exist",
        "No node has room for the pod",
        "An init container fails",
        "The ServiceAccount does not exist",
    ];

    [TestCaseSource(nameof(OfTheTemplate))]
    public async Task A_mistake_in_the_template_is_reported_as_the_documentation_shows(string mistake)
    {
        TestCluster.NeedsLocalCluster("the words for it are the runtime's");

        await MakeAsync(TroubleshootingDoc.Examples[mistake]);

        await ReportedAsync(mistake);
    }

    [Test]
    public async Task A_name_that_is_taken_is_reported_as_the_documentation_shows()
    {
        await Cluster.ApplyAsync(
            TroubleshootingDoc
                .Examples[NameTaken]
                .Replace("{name: shop}", $"{{name: shop, namespace: {Namespace}}}", StringComparison.Ordinal)
        );

        await MakeAsync("containers: [{image: shop}]");

        await ReportedAsync(NameTaken);
        await Cluster.Client.DeleteAsync(Resources.Services, Namespace, Shop, CancellationToken.None);
        await Cluster.WaitForReadyAsync(Namespace, Shop, Limit);
    }

    private Task MakeAsync(string templateSpec)
    {
        var spec = templateSpec.Replace("image: shop", $"image: {Cluster.ProgramImage}", StringComparison.Ordinal);
        return Cluster.ApplyAsync(
            $$"""
            apiVersion: serving.knative.dev/v1
            kind: Service
            metadata: {name: {{Shop}}, namespace: {{Namespace}} }
            spec:
              template:
                spec:
                  {{spec.Replace("\n", "\n      ", StringComparison.Ordinal)}}
            """
        );
    }

    private Task ReportedAsync(string mistake) =>
        EventuallyAsync(async () =>
        {
            var service = await GetAsync(Resources.KnativeServices, Shop);
            Generic(TroubleshootingDoc.Shown(service.Status.Conditions)).Should().Be(Expected(mistake));
        });

    /// <summary>The documented text, except for the number of nodes and the registry's error, because this cluster has no
    /// registry.</summary>
    private string Expected(string mistake) =>
        Generic(TroubleshootingDoc.Conditions[mistake])
            .Replace("failed to pull and unpack image \"registry.example.com/shop:v2\": not found", NotMapped, StringComparison.Ordinal)
            .Replace("account default/", $"account {Namespace}/", StringComparison.Ordinal)
            .Replace("0/3", "0/1", StringComparison.Ordinal)
            .Replace("available: 3", "available: 1", StringComparison.Ordinal);

    // The hash in the name of a ReplicaSet varies.
    private static string Generic(string text) => PodNames().Replace(text, "-deployment-HASH-");

    [GeneratedRegex("-deployment-[a-z0-9]+-")]
    private static partial Regex PodNames();
}
