using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;

namespace Serving.LocalCluster.Controllers.Namespaces;

/// <summary>Creates the objects that pods need in every namespace: the default ServiceAccount and the API server's CA
/// certificate.</summary>
internal sealed class NamespaceDefaultsReconciler(IInformers informers, string caCertificate) : IReconciler
{
    private const string AccountName = "default";
    private const string CaName = "kube-root-ca.crt";
    private const string CaKey = "ca.crt";

    private readonly ILister<Namespace> _namespaces = informers.For(Resources.Namespaces).Lister;
    private readonly ILister<ServiceAccount> _accounts = informers.For(Resources.ServiceAccounts).Lister;
    private readonly ILister<ConfigMap> _maps = informers.For(Resources.ConfigMaps).Lister;

    public string Name => "namespace-defaults";

    /// <summary>The namespace of an object that this reconciler maintains, to reconcile when it changes.</summary>
    public static IEnumerable<ObjectKey> NamespaceOf(IKubernetesObject kept) =>
        kept.Metadata.Name is AccountName or CaName ? [new ObjectKey("", kept.Metadata.Namespace)] : [];

    public async Task<Reconcile> ReconcileAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
    {
        if (_namespaces.Get("", key.Name) is not { Metadata.DeletionTimestamp: null })
        {
            return Reconcile.Done;
        }

        if (_accounts.Get(key.Name, AccountName) is null)
        {
            await CreateAsync(
                client,
                Resources.ServiceAccounts,
                new ServiceAccount
                {
                    ApiVersion = Resources.ServiceAccounts.ApiVersion,
                    Kind = Resources.ServiceAccounts.Kind,
                    Metadata = new ObjectMeta { Name = AccountName, Namespace = key.Name },
                },
                cancellation
            );
        }

        var data = new Dictionary<string, string> { [CaKey] = caCertificate };
        if (_maps.Get(key.Name, CaName) is not { } map)
        {
            await CreateAsync(
                client,
                Resources.ConfigMaps,
                new ConfigMap
                {
                    ApiVersion = Resources.ConfigMaps.ApiVersion,
                    Kind = Resources.ConfigMaps.Kind,
                    Metadata = new ObjectMeta { Name = CaName, Namespace = key.Name },
                    Data = data,
                },
                cancellation
            );
        }
        else if (map with { Data = data } is var changed && !ApiEquality.Same(map, changed))
        {
            await Documents.ChangeAsync(client, Resources.ConfigMaps, map, changed, cancellation);
        }

        return Reconcile.Done;
    }

    private static async Task CreateAsync<T>(IKubernetesClient client, ResourceType<T> type, T value, CancellationToken cancellation)
        where T : class, IKubernetesObject
    {
        try
        {
            await Documents.CreateAsync(client, type, value, cancellation);
        }
        catch (KubernetesException failure) when (failure.IsNamespaceTerminating)
        {
            // The namespace is being deleted.
        }
    }
}
