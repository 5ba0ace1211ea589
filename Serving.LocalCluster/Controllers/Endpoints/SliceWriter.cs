using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;

namespace Serving.LocalCluster.Controllers.Endpoints;

/// <summary>Writes the slices of one Service and one writer.</summary>
internal sealed class SliceWriter(ILister<EndpointSlice> slices)
{
    /// <summary>Creates, updates and deletes slices of <paramref name="service"/> that <paramref name="managedBy"/> writes.</summary>
    public async Task ApplyAsync(
        ObjectKey service,
        string managedBy,
        IReadOnlyList<EndpointSlice> wanted,
        IKubernetesClient client,
        CancellationToken cancellation
    )
    {
        var existing = slices
            .ByLabel(service.Namespace, EndpointsMaker.ServiceNameLabel, service.Name)
            .Where(slice => slice.Metadata.Labels.GetValueOrDefault(EndpointsMaker.ManagedByLabel) == managedBy)
            .ToDictionary(slice => slice.Metadata.Name);
        foreach (var slice in wanted)
        {
            if (!existing.Remove(slice.Metadata.Name, out var before))
            {
                await Documents.CreateAsync(client, Resources.EndpointSlices, slice, cancellation);
            }
            else if (before.AddressType != slice.AddressType)
            {
                await client.DeleteAsync(Resources.EndpointSlices, service.Namespace, slice.Metadata.Name, cancellation);
                await client.CreateAsync(Resources.EndpointSlices, slice, cancellation);
            }
            else
            {
                var after = before with
                {
                    Metadata = before.Metadata with { Labels = slice.Metadata.Labels, OwnerReferences = slice.Metadata.OwnerReferences },
                    Ports = slice.Ports,
                    Endpoints = slice.Endpoints,
                };
                if (!ApiEquality.Same(before, after))
                {
                    await Documents.ChangeAsync(client, Resources.EndpointSlices, before, after, cancellation);
                }
            }
        }

        foreach (var name in existing.Keys)
        {
            await ChildObjects.DeleteAsync(client, Resources.EndpointSlices, service.Namespace, name, cancellation);
        }
    }
}
