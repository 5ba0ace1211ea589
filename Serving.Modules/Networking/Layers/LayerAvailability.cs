using System.Net;
using Serving.Api;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;

namespace Serving.Networking.Layers;

/// <summary>
/// Whether a layer can work in a cluster: it has the layer's kinds, and this process may list them. It is asked before any informer exists,
/// because one that never gets its first list would keep the whole process from being ready.
/// </summary>
internal sealed class LayerAvailability(NetworkLayer layer, IResourceDiscovery discovery)
{
    private static readonly ListOptions One = new(Limit: 1);

    /// <summary>Why the layer cannot work and what to do; null when it can. Throws as the client does when the API server is
    /// unreachable.</summary>
    public async Task<string?> FindProblemAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        var (missing, refused) = (new List<ResourceType>(), new List<ResourceType>());
        foreach (var kind in layer.Kinds)
        {
            if (await discovery.FindAsync(kind.ApiVersion, kind.Kind, cancellation) is null)
            {
                missing.Add(kind);
            }
            else if (!await MayListAsync(client, kind, cancellation))
            {
                refused.Add(kind);
            }
        }

        return missing.Count > 0
                ? $"the cluster has no {Words(missing)}: install {layer.Product}, or choose another ingress class than {layer.IngressClass}"
            : refused.Count > 0
                ? $"this process may not list {Words(refused)}: add the component {layer.Name} to the installation (deploy/components/{layer.Name})"
            : null;
    }

    private static async Task<bool> MayListAsync(IKubernetesClient client, ResourceType kind, CancellationToken cancellation)
    {
        try
        {
            await client.ListAsync(ObjectHeader.Type(kind), null, One, cancellation);
            return true;
        }
        catch (KubernetesException refused) when (refused.Code == HttpStatusCode.Forbidden)
        {
            return false;
        }
    }

    private static string Words(IEnumerable<ResourceType> kinds) =>
        string.Join(", ", kinds.Select(static kind => $"{kind.Kind} ({kind.ApiVersion})"));
}
