using System.Collections.Concurrent;
using Serving.Api;

namespace Serving.Tests.Cluster;

/// <summary>An existing cluster: disposing it restores its state.</summary>
internal sealed class NamedCluster(string kubeconfig, Uri gateway, Uri? httpsGateway, string images, string tag = "")
    : TestCluster(kubeconfig, gateway, images, tag)
{
    private readonly ConcurrentBag<string> _namespaces = [];
    private readonly Dictionary<string, IReadOnlyDictionary<string, string>> _before = [];

    protected override Uri? HttpsGateway => httpsGateway;

    public override async Task<string> CreateNamespaceAsync()
    {
        var name = await base.CreateNamespaceAsync();
        _namespaces.Add(name);
        return name;
    }

    public override async Task ConfigureAsync(string map, params (string Key, string Value)[] settings)
    {
        if (!_before.ContainsKey(map))
        {
            _before[map] = (await Client.GetAsync(Resources.ConfigMaps, SystemNamespace, map, CancellationToken.None)).Data;
        }

        await base.ConfigureAsync(map, settings);
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var (map, data) in _before)
        {
            var current = await Client.GetAsync(Resources.ConfigMaps, SystemNamespace, map, CancellationToken.None);
            await Client.UpdateAsync(Resources.ConfigMaps, current with { Data = data }, CancellationToken.None);
        }

        foreach (var name in _namespaces)
        {
            await Client.DeleteAsync(Resources.Namespaces, null, name, CancellationToken.None);
        }

        await base.DisposeAsync();
    }
}
