using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Manifests;

namespace Serving.Host.Local;

/// <summary>Installs Serving on the local cluster, from the same files as on any other cluster.</summary>
internal sealed class LocalInstall(ClusterClient client, ManifestApplier applier, string systemNamespace)
{
    private const string FieldManager = "serving-local";
    private const string QueueProxyImage = "serving.local/queue-proxy:local";

    /// <summary>The default install; the build copies it beside the host.</summary>
    private static readonly string Manifest = Path.Combine(AppContext.BaseDirectory, "deploy", "serving.yaml");

    /// <summary>Values that differ on a local cluster, applied where the user has set none.</summary>
    private static readonly (string Map, string Key, string Value)[] Defaults =
    [
        ("config-domain", "localhost", ""),
        // No Service has a working cluster IP here, so requests cannot fall back to it; there is no mesh either.
        ("config-network", "mesh-compatibility-mode", "disabled"),
        // On loopback addresses only, so that a Prometheus on this machine has something to read (deploy/prometheus/local.yml).
        ("config-observability", "metrics-protocol", "prometheus"),
        ("config-observability", "request-metrics-protocol", "prometheus"),
    ];

    /// <summary>
    /// Applies <c>deploy/serving.yaml</c> without its Deployment, which this process replaces (<see cref="HostPod"/>), and without its Job,
    /// whose image a local node cannot run. Existing ConfigMaps are not changed.
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
            // It is immutable, and the start needs the value: the other keys are kept.
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
