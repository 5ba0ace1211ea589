using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Informers;
using NodeObject = Serving.Api.Core.Node;

namespace Serving.LocalCluster.Node;

/// <summary>
/// Reads the objects that pods refer to: from the caches, and from the API server when the cache has no such object (yet), because a pod
/// may arrive here before the ConfigMap that was created just before it.
/// </summary>
internal sealed class NodeObjects(IKubernetesClient client, IInformers informers)
{
    /// <summary>The ConfigMaps of the cluster.</summary>
    public IInformer<ConfigMap> ConfigMaps { get; } = informers.For(Resources.ConfigMaps);

    /// <summary>The Secrets of the cluster.</summary>
    public IInformer<Secret> Secrets { get; } = informers.For(Resources.Secrets);

    /// <summary>The nodes of the cluster.</summary>
    public IInformer<NodeObject> Nodes { get; } = informers.For(Resources.Nodes);

    /// <summary>The Services of the cluster.</summary>
    public IInformer<CoreService> Services { get; } = informers.For(Resources.Services);

    /// <summary>A ConfigMap, or null when it does not exist.</summary>
    public Task<ConfigMap?> ConfigMapAsync(string ns, string name, CancellationToken cancellation) =>
        FindAsync(ConfigMaps, Resources.ConfigMaps, ns, name, cancellation);

    /// <summary>A Secret, or null when it does not exist.</summary>
    public Task<Secret?> SecretAsync(string ns, string name, CancellationToken cancellation) =>
        FindAsync(Secrets, Resources.Secrets, ns, name, cancellation);

    private async Task<T?> FindAsync<T>(IInformer<T> informer, ResourceType<T> type, string ns, string name, CancellationToken cancellation)
        where T : class, IKubernetesObject
    {
        if (informer.Lister.Get(ns, name) is { } known)
        {
            return known;
        }

        try
        {
            return await client.GetAsync(type, ns, name, cancellation);
        }
        catch (KubernetesException e) when (e.IsNotFound)
        {
            return null;
        }
    }
}
