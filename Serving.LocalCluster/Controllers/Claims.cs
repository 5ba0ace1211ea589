using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using Serving.Kubernetes.Selectors;

namespace Serving.LocalCluster.Controllers;

/// <summary>
/// Adopts and releases children: an owner adopts objects that it selects and that have no controller, and releases those that it no longer
/// selects. Invariant: an owner that is being deleted adopts nothing.
/// </summary>
internal sealed class Claims<TOwner, TChild>(
    ResourceType<TOwner> ownerType,
    ResourceType<TChild> childType,
    ILister<TOwner> owners,
    ILister<TChild> children,
    Func<TOwner, LabelSelector?> selectorOf
)
    where TOwner : class, IKubernetesObject
    where TChild : class, IKubernetesObject
{
    /// <summary>The owners that would adopt an object without a controller.</summary>
    public IEnumerable<ObjectKey> ClaimantsOf(TChild child) =>
        Ownership.ControllerOf(child) is null
            ? owners.List(child.Metadata.Namespace).Where(owner => Selects(owner, child)).Select(ObjectKey.Of)
            : [];

    /// <summary>The children of an owner, after adoption and release.</summary>
    public async Task<List<TChild>> ClaimAsync(TOwner owner, IKubernetesClient client, CancellationToken cancellation)
    {
        var claimed = new List<TChild>();
        var leaving = owner.Metadata.DeletionTimestamp is not null;
        foreach (var child in children.ByOwner(owner.Metadata.Uid).Where(child => child.IsControlledBy(owner)))
        {
            if (leaving || Selects(owner, child))
            {
                claimed.Add(child);
            }
            else
            {
                await ReleaseAsync(owner, child, client, cancellation);
            }
        }

        if (!leaving)
        {
            var orphans = Selected(owner)
                .Where(child => Ownership.ControllerOf(child) is null && child.Metadata.DeletionTimestamp is null && Selects(owner, child))
                .ToList();
            if (orphans.Count > 0 && await IsStayingAsync(owner, client, cancellation))
            {
                claimed.AddRange(await Task.WhenAll(orphans.Select(orphan => AdoptAsync(owner, orphan, client, cancellation))));
            }
        }

        return claimed;
    }

    private bool Selects(TOwner owner, TChild child) =>
        selectorOf(owner) is { } selector
        && LabelMatcher.Of(selector) is { IsEverything: false } matcher
        && matcher.Matches(child.Metadata.Labels);

    private IReadOnlyList<TChild> Selected(TOwner owner)
    {
        var labels = selectorOf(owner)?.MatchLabels ?? Empty.Map;
        return labels.Count == 0
            ? children.List(owner.Metadata.Namespace)
            : children.ByLabel(owner.Metadata.Namespace, labels.First().Key, labels.First().Value);
    }

    /// <summary>Reads from the API: the cache may not show yet that the owner is being deleted and orphaned its children.</summary>
    private async Task<bool> IsStayingAsync(TOwner owner, IKubernetesClient client, CancellationToken cancellation)
    {
        try
        {
            var live = await client.GetAsync(ownerType, owner.Metadata.Namespace, owner.Metadata.Name, cancellation);
            return live.Metadata.Uid == owner.Metadata.Uid && live.Metadata.DeletionTimestamp is null;
        }
        catch (KubernetesException failure) when (failure.IsNotFound)
        {
            return false;
        }
    }

    private Task<TChild> AdoptAsync(TOwner owner, TChild child, IKubernetesClient client, CancellationToken cancellation) =>
        client.PatchAsync(
            childType,
            child.Metadata.Namespace,
            child.Metadata.Name,
            Documents.OwnersPatch(child, [.. child.Metadata.OwnerReferences, Ownership.ControllerReference(ownerType, owner)]),
            cancellation
        );

    private Task ReleaseAsync(TOwner owner, TChild child, IKubernetesClient client, CancellationToken cancellation) =>
        Documents.UnlessGoneAsync(
            client.PatchAsync(
                childType,
                child.Metadata.Namespace,
                child.Metadata.Name,
                Documents.OwnersPatch(child, [.. child.Metadata.OwnerReferences.Where(reference => reference.Uid != owner.Metadata.Uid)]),
                cancellation
            )
        );
}
