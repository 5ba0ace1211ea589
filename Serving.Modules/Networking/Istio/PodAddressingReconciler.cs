using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Istio;
using Serving.Api.Networking;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using Serving.Networking.Istio.Objects;

namespace Serving.Networking.Istio;

/// <summary>
/// Makes the objects by which single pods of a revision are addressable through the mesh (<see cref="PodAddressing"/>), while
/// config-network enables it. It writes no status: that is the ServerlessService reconciler's.
/// </summary>
internal sealed class PodAddressingReconciler(
    ILister<ServerlessService> serverlessServices,
    ILister<IstioVirtualService> virtualServices,
    ILister<IstioDestinationRule> destinationRules,
    Func<ConfigSnapshot> config,
    string clusterDomain
) : IReconciler
{
    /// <inheritdoc/>
    public string Name => "istio-serverlessservice";

    /// <summary>All ServerlessServices.</summary>
    public IEnumerable<ObjectKey> All() => serverlessServices.List().Select(static value => ObjectKey.Of(value));

    /// <inheritdoc/>
    public async Task<Reconcile> ReconcileAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
    {
        if (
            config().Network.EnableMeshPodAddressability
            && serverlessServices.Get(key.Namespace, key.Name)
                is { Metadata.DeletionTimestamp: null, Status.PrivateServiceName.Length: > 0 } owner
        )
        {
            await EnsureAsync(
                client,
                IstioResources.VirtualServices,
                owner,
                virtualServices,
                PodAddressing.VirtualService(owner, clusterDomain),
                static (existing, wanted) => existing with { Spec = wanted.Spec },
                cancellation
            );
            await EnsureAsync(
                client,
                IstioResources.DestinationRules,
                owner,
                destinationRules,
                PodAddressing.DestinationRule(owner, clusterDomain),
                static (existing, wanted) => existing with { Spec = wanted.Spec },
                cancellation
            );
        }

        return Reconcile.Done;
    }

    private static Task EnsureAsync<T>(
        IKubernetesClient client,
        ResourceType<T> type,
        ServerlessService owner,
        ILister<T> lister,
        T wanted,
        Func<T, T, T> update,
        CancellationToken cancellation
    )
        where T : KubernetesObject =>
        ChildObjects.EnsureAsync(
            client,
            type,
            owner,
            lister.Get(wanted.Metadata.Namespace, wanted.Metadata.Name),
            wanted,
            update,
            cancellation
        );
}
