using Serving.Api;
using Serving.Api.Config;
using Serving.Api.GatewayApi;
using Serving.Api.Networking;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using Serving.Networking.GatewayApi.Makers;
using Serving.Networking.Layers;
using IngressPass = Serving.Kubernetes.Reconcilers.ReconcilePass<Serving.Api.Networking.Ingress, Serving.Api.Networking.IngressStatus>;

namespace Serving.Networking.GatewayApi.Objects;

/// <summary>
/// Writes the listeners of Ingresses into Gateways, which belong to the operator of the cluster, and the grants for their certificates.
/// Invariant: a change begins with the Gateway as the API server has it, so that Ingresses which change it one after the other do not
/// meet an old state.
/// </summary>
internal sealed class ListenerObjects(ILister<KubernetesGateway> gateways, ILister<ReferenceGrant> grants, IEventRecorder events)
{
    /// <summary>The Gateway, or null.</summary>
    public KubernetesGateway? Find(ObjectName gateway) => gateways.Get(gateway.Namespace, gateway.Name);

    /// <summary>The Gateways that have listeners of this Ingress.</summary>
    public IEnumerable<ObjectName> With(Ingress ingress) =>
        gateways
            .List()
            .Where(gateway => gateway.Spec.Listeners.Any(listener => ListenerMaker.IsOf(ingress, listener)))
            .Select(static gateway => new ObjectName(gateway.Metadata.Namespace, gateway.Metadata.Name));

    /// <summary>Brings the grants and the listeners of the Ingress to what is wanted; the listeners of Gateways that are not named are
    /// taken away.</summary>
    public async Task ApplyAsync(
        IngressPass pass,
        IReadOnlyDictionary<ObjectName, IReadOnlyList<GatewayListener>> wanted,
        CancellationToken cancellation
    )
    {
        await GrantAsync(pass, wanted, cancellation);
        foreach (var (gateway, listeners) in wanted)
        {
            if (listeners.Count > 0 || Find(gateway) is not null)
            {
                await ExchangeAsync(pass.Object, gateway, listeners, pass.Client, cancellation);
            }
        }

        await RemoveAsync(pass.Object, With(pass.Object).Except(wanted.Keys), pass.Client, cancellation);
    }

    /// <summary>Why a Gateway cannot take these listeners; null when it can.</summary>
    public LayerFailure? Overflow(Ingress ingress, IReadOnlyDictionary<ObjectName, IReadOnlyList<GatewayListener>> wanted)
    {
        foreach (var (name, listeners) in wanted)
        {
            if (
                listeners.Count > 0
                && Find(name) is { } gateway
                && ListenerMaker.Exchange(gateway.Spec.Listeners, ingress, listeners).Count is > ListenerMaker.MostListeners and var count
            )
            {
                return new LayerFailure(
                    "TooManyListeners",
                    $"Gateway {name} would have {count} listeners, and takes {ListenerMaker.MostListeners}: no listener for HTTPS is added "
                        + $"for {string.Join(", ", listeners.Select(static listener => listener.Hostname))}. Give the Gateway a listener "
                        + "for a wildcard host, and set the annotation networking.knative.dev/disable-external-domain-tls"
                );
            }
        }

        return null;
    }

    /// <summary>Takes the listeners of the Ingress away from these Gateways.</summary>
    public async Task RemoveAsync(Ingress ingress, IEnumerable<ObjectName> from, IKubernetesClient client, CancellationToken cancellation)
    {
        foreach (var gateway in from.ToList())
        {
            await ExchangeAsync(ingress, gateway, [], client, cancellation);
        }
    }

    /// <summary>Deletes the grants of the Ingress that are not named.</summary>
    public async Task PruneGrantsAsync(
        Ingress ingress,
        IReadOnlySet<string> wanted,
        IKubernetesClient client,
        CancellationToken cancellation
    )
    {
        foreach (var grant in grants.ByOwner(ingress.Metadata.Uid).Where(grant => !wanted.Contains(grant.Metadata.Name)))
        {
            await ChildObjects.DeleteAsync(
                client,
                GatewayApiResources.ReferenceGrants,
                grant.Metadata.Namespace,
                grant.Metadata.Name,
                cancellation
            );
        }
    }

    /// <summary>A Gateway needs a grant for a Secret of another namespace. One outside the namespace of the Ingress is its owner's to
    /// grant.</summary>
    private async Task GrantAsync(
        IngressPass pass,
        IReadOnlyDictionary<ObjectName, IReadOnlyList<GatewayListener>> wanted,
        CancellationToken cancellation
    )
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (gateway, listeners) in wanted)
        {
            var secrets = listeners
                .SelectMany(static listener => listener.Tls?.CertificateRefs ?? [])
                .Where(secret => secret.Namespace == pass.Namespace && secret.Namespace != gateway.Namespace)
                .Select(static secret => secret.Name)
                .Distinct();
            foreach (var secret in secrets)
            {
                var grant = ReferenceGrantMaker.Make(pass.Object, secret, gateway);
                names.Add(grant.Metadata.Name);
                await pass.EnsureAsync(
                    GatewayApiResources.ReferenceGrants,
                    grants.Get(pass.Namespace, grant.Metadata.Name),
                    grant,
                    static (existing, wanted) => existing with { Spec = wanted.Spec },
                    cancellation
                );
            }
        }

        await PruneGrantsAsync(pass.Object, names, pass.Client, cancellation);
    }

    private async Task ExchangeAsync(
        Ingress ingress,
        ObjectName name,
        IReadOnlyList<GatewayListener> wanted,
        IKubernetesClient client,
        CancellationToken cancellation
    )
    {
        if (Find(name) is not { } cached)
        {
            events.Warning(ingress, "GatewayMissing", $"Unable to update Gateway {name}");
            throw new InvalidOperationException($"Gateway {name} does not exist");
        }

        if (IsDone(cached, ingress, wanted))
        {
            return;
        }

        try
        {
            var newest = await client.GetAsync(GatewayApiResources.Gateways, name.Namespace, name.Name, cancellation);
            if (!IsDone(newest, ingress, wanted))
            {
                await client.UpdateAsync(GatewayApiResources.Gateways, With(newest, ingress, wanted), cancellation);
            }
        }
        catch (KubernetesException failure) when (!failure.IsConflict)
        {
            var what = wanted.Count > 0 ? "update" : "remove Listener from";
            events.Warning(ingress, "GatewayUpdateFailed", $"Failed to {what} Gateway {name}: {failure.Status.Message}");
            throw;
        }
    }

    private static bool IsDone(KubernetesGateway gateway, Ingress ingress, IReadOnlyList<GatewayListener> wanted) =>
        ApiEquality.Same(gateway, With(gateway, ingress, wanted));

    private static KubernetesGateway With(KubernetesGateway gateway, Ingress ingress, IReadOnlyList<GatewayListener> wanted) =>
        gateway with
        {
            Spec = gateway.Spec with { Listeners = ListenerMaker.Exchange(gateway.Spec.Listeners, ingress, wanted) },
        };
}
