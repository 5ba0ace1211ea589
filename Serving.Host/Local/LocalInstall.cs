using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Manifests;

namespace Serving.Host.Local;

/// <summary>Installs Serving on the local cluster, from the very files that install it on any other.</summary>
internal sealed class LocalInstall(ClusterClient client, ManifestApplier applier, string systemNamespace)
{
    private const string FieldManager = "serving-local";
    private const string QueueProxyImage = "serving.local/queue-proxy:local";

    /// <summary>The default install, as it is applied to any cluster; the build puts it beside the host.</summary>
    private static readonly string Manifest = Path.Combine(AppContext.BaseDirectory, "deploy", "serving.yaml");

    /// <summary>What a local cluster says differently from the files, where the user has not said anything yet.</summary>
    private static readonly (string Map, string Key, string Value)[] Defaults =
    [
        ("config-domain", "localhost", ""),
        // Nothing listens at a Service's cluster address here, so it is no way round a mesh, which there is not either.
        ("config-network", "mesh-compatibility-mode", "disabled"),
    ];

    /// <summary>
    /// Applies <c>deploy/serving.yaml</c> but its Deployment, for which this process stands (<see cref="HostPod"/>), and its Job, whose
    /// image no node of a local cluster has. ConfigMaps that exist are left as they are.
    /// </summary>
    public async Task ApplyAsync(CancellationToken cancellation)
    {
        var kept = (await client.ListAsync(Resources.ConfigMaps, systemNamespace, null, cancellation))
            .Items.Select(map => map.Metadata.Name)
            .ToHashSet();
        await applier.ApplyPathsAsync(
            [Manifest],
            FieldManager,
            cancellation,
            item =>
                item.Kind is not ("Deployment" or "Job") && !(item.Kind == Resources.ConfigMaps.Kind && kept.Contains(item.Metadata.Name))
        );
        foreach (var (map, key, value) in Defaults.Where(entry => !kept.Contains(entry.Map)))
        {
            await SetAsync(map, key, value, cancellation);
        }

        await SetAsync("config-deployment", "queue-sidecar-image", QueueProxyImage, cancellation);
    }

    private async Task SetAsync(string name, string key, string value, CancellationToken cancellation)
    {
        var map = await client.GetAsync(Resources.ConfigMaps, systemNamespace, name, cancellation);
        if (map.Data.GetValueOrDefault(key) == value)
        {
            return;
        }

        var wanted = map with { Data = new Dictionary<string, string>(map.Data) { [key] = value } };
        if (map.Immutable == true)
        {
            // It cannot be changed, and the start needs the value: the rest of it stays as it is.
            await client.DeleteAsync(Resources.ConfigMaps, systemNamespace, name, cancellation);
            await client.CreateAsync(
                Resources.ConfigMaps,
                wanted with
                {
                    Metadata = new ObjectMeta
                    {
                        Name = name,
                        Namespace = systemNamespace,
                        Labels = map.Metadata.Labels,
                        Annotations = map.Metadata.Annotations,
                    },
                },
                cancellation
            );
            return;
        }

        await client.UpdateAsync(Resources.ConfigMaps, wanted, cancellation);
    }
}
