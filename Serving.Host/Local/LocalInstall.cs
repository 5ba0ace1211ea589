using Serving.Api;
using Serving.Kubernetes;

namespace Serving.Host.Local;

/// <summary>Installs Serving on the local cluster, from the very files that install it on any other.</summary>
internal sealed class LocalInstall(KubernetesClient client, ManifestApplier applier, string systemNamespace)
{
    private const string FieldManager = "serving-local";
    private const string QueueProxyImage = "serving.local/queue-proxy:local";

    /// <summary>What a local cluster says differently from the files, where the user has not said anything yet.</summary>
    private static readonly (string Map, string Key, string Value)[] Defaults =
    [
        ("config-domain", "localhost", ""),
    ];

    /// <summary>Applies <c>deploy/</c>; ConfigMaps that exist are left as they are.</summary>
    public async Task ApplyAsync(CancellationToken cancellation)
    {
        var deploy = Path.Combine(AppContext.BaseDirectory, "deploy");
        await applier.ApplyPathsAsync(
            [.. new[] { "namespace.yaml", "crds", "rbac.yaml", "services.yaml", "webhooks.yaml" }.Select(name => Path.Combine(deploy, name))], FieldManager, cancellation);
        foreach (var file in Directory.EnumerateFiles(Path.Combine(deploy, "config"), "*.yaml").Order(StringComparer.Ordinal))
        {
            var map = $"config-{Path.GetFileNameWithoutExtension(file)}";
            if (!await ExistsAsync(map, cancellation))
            {
                await applier.ApplyPathsAsync([file], FieldManager, cancellation);
                await SetDefaultsAsync(map, cancellation);
            }
        }

        await SetAsync("config-deployment", "queue-sidecar-image", QueueProxyImage, cancellation);
    }

    private async Task<bool> ExistsAsync(string name, CancellationToken cancellation)
    {
        try
        {
            await client.GetAsync(Resources.ConfigMaps, systemNamespace, name, cancellation);
            return true;
        }
        catch (KubernetesException failure) when (failure.IsNotFound)
        {
            return false;
        }
    }

    private async Task SetDefaultsAsync(string map, CancellationToken cancellation)
    {
        foreach (var (_, key, value) in Defaults.Where(entry => entry.Map == map))
        {
            await SetAsync(map, key, value, cancellation);
        }
    }

    private async Task SetAsync(string name, string key, string value, CancellationToken cancellation)
    {
        var map = await client.GetAsync(Resources.ConfigMaps, systemNamespace, name, cancellation);
        if (map.Data.GetValueOrDefault(key) != value)
        {
            await client.UpdateAsync(Resources.ConfigMaps, map with { Data = new Dictionary<string, string>(map.Data) { [key] = value } }, cancellation);
        }
    }
}
