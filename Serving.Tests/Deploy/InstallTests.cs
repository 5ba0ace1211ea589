using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Manifests;
using Serving.Tests.LocalCluster.ApiServer;

namespace Serving.Tests.Deploy;

/// <summary>The rendered files against a fresh API server, which is strict about every field.</summary>
[TestFixture]
[Parallelizable]
public sealed class InstallTests
{
    private static IReadOnlyList<string> Files => RenderedManifest.Names;

    [TestCaseSource(nameof(Files))]
    public async Task Every_object_is_valid_and_there_after_one_apply(string file)
    {
        await using var server = await RunningServer.StartAsync();
        using var client = new ClusterClient(ClusterAccess.FromKubeconfig(server.Server.KubeconfigPath));
        var discovery = new ResourceDiscovery(client);
        var applier = new ManifestApplier(client, discovery);
        if (file is "serving-takeover.yaml" or "serving-adopted.yaml")
        {
            await applier.ApplyTextAsync(
                "test",
                "{apiVersion: v1, kind: Namespace, metadata: {name: knative-serving}}",
                "test",
                CancellationToken.None
            );
        }

        await applier.ApplyPathsAsync([RenderedManifest.PathOf(file)], "test", CancellationToken.None);

        foreach (var item in RenderedManifest.Read(file))
        {
            var type = (await discovery.FindAsync(item.ApiVersion, item.Kind, CancellationToken.None))!;
            var found = await client.GetAsync(
                Unstructured.Type(type),
                type.Namespaced ? item.Metadata.Namespace : null,
                item.Metadata.Name,
                CancellationToken.None
            );
            found.Kind.Should().Be(item.Kind);
            item.Metadata.Namespace.Should()
                .Be(type.Namespaced ? "knative-serving" : "", "{0} {1} says where it is", item.Kind, item.Metadata.Name);
        }
    }
}
