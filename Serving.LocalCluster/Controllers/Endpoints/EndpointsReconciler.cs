using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using Serving.Kubernetes.Selectors;

namespace Serving.LocalCluster.Controllers.Endpoints;

/// <summary>
/// Maintains the Endpoints and EndpointSlices of every Service: from the pods that it selects or, without a selector, slices that
/// mirror the Endpoints that another client writes.
/// </summary>
internal sealed class EndpointsReconciler : IReconciler
{
    private readonly ILister<CoreService> _services;
    private readonly ILister<Api.Core.Endpoints> _endpoints;
    private readonly ILister<Pod> _pods;
    private readonly SliceWriter _slices;

    public EndpointsReconciler(IInformers informers)
    {
        _services = informers.For(Resources.Services).Lister;
        _endpoints = informers.For(Resources.Endpoints).Lister;
        _pods = informers.For(Resources.Pods).Lister;
        _slices = new SliceWriter(informers.For(Resources.EndpointSlices).Lister);
    }

    public string Name => "endpoints";

    /// <summary>The Services that select a pod.</summary>
    public IEnumerable<ObjectKey> ServicesOf(Pod pod) =>
        _services
            .List(pod.Metadata.Namespace)
            .Where(service => IsSelecting(service) && LabelMatcher.Of(service.Spec!.Selector).Matches(pod.Metadata.Labels))
            .Select(ObjectKey.Of);

    public async Task<Reconcile> ReconcileAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
    {
        var service = _services.Get(key.Namespace, key.Name);
        if (service is null || service.Metadata.DeletionTimestamp is not null)
        {
            await _slices.ApplyAsync(key, EndpointsMaker.ManagedByController, [], client, cancellation);
            await _slices.ApplyAsync(key, MirrorMaker.ManagedBy, [], client, cancellation);
            if (_endpoints.Get(key.Namespace, key.Name) is { } orphan && await IsGoneAsync(key, client, cancellation))
            {
                await ChildObjects.DeleteAsync(
                    client,
                    Resources.Endpoints,
                    key.Namespace,
                    key.Name,
                    cancellation,
                    new DeleteOptions(Uid: orphan.Metadata.Uid, ResourceVersion: orphan.Metadata.ResourceVersion)
                );
            }
        }
        else if (IsSelecting(service))
        {
            var selector = LabelMatcher.Of(service.Spec!.Selector);
            var selected = _pods.List(key.Namespace).Where(pod => selector.Matches(pod.Metadata.Labels)).ToList();
            await _slices.ApplyAsync(
                key,
                EndpointsMaker.ManagedByController,
                EndpointsMaker.MakeSlices(service, selected),
                client,
                cancellation
            );
            await _slices.ApplyAsync(key, MirrorMaker.ManagedBy, [], client, cancellation);
            await ApplyAsync(EndpointsMaker.MakeEndpoints(service, selected), client, cancellation);
        }
        else if (service.Spec?.Selector.Count is 0 or null)
        {
            var written = _endpoints.Get(key.Namespace, key.Name);
            var mirrored =
                written is null || written.Metadata.Labels.GetValueOrDefault(MirrorMaker.SkipLabel) == "true"
                    ? []
                    : MirrorMaker.MakeSlices(service, written);
            await _slices.ApplyAsync(key, MirrorMaker.ManagedBy, mirrored, client, cancellation);
            await _slices.ApplyAsync(key, EndpointsMaker.ManagedByController, [], client, cancellation);
        }

        return Reconcile.Done;
    }

    private static bool IsSelecting(CoreService service) => service.Spec is { Selector.Count: > 0, Type: not "ExternalName" };

    /// <summary>Reads from the API: the caches may show a Service and its Endpoints in another order than they were created.</summary>
    private static async Task<bool> IsGoneAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation) =>
        !await Documents.UnlessGoneAsync(client.GetAsync(Resources.Services, key.Namespace, key.Name, cancellation));

    private async Task ApplyAsync(Api.Core.Endpoints wanted, IKubernetesClient client, CancellationToken cancellation)
    {
        var before = _endpoints.Get(wanted.Metadata.Namespace, wanted.Metadata.Name);
        if (before is null)
        {
            await Documents.CreateAsync(client, Resources.Endpoints, wanted, cancellation);
            return;
        }

        var after = before with { Metadata = before.Metadata with { Labels = wanted.Metadata.Labels }, Subsets = wanted.Subsets };
        if (!ApiEquality.Same(before, after))
        {
            await Documents.ChangeAsync(client, Resources.Endpoints, before, after, cancellation);
        }
    }
}
