using System.Text.Json;
using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Kubernetes;

namespace Serving.Autoscaler.Reconcilers;

/// <summary>Brings a child of a PodAutoscaler to what it should be.</summary>
internal static class Children
{
    /// <summary>Creates the child, or changes its specification when that differs. Throws <see cref="ChildException"/> when it belongs to somebody else or is refused.</summary>
    /// <param name="type">The kind of the child.</param>
    /// <param name="existing">The child as the cache has it.</param>
    /// <param name="wanted">The child as it is made anew.</param>
    /// <param name="change">The existing child with the specification of the wanted one.</param>
    /// <param name="owner">Whose child it must be.</param>
    /// <param name="client">Writes.</param>
    /// <param name="cancellation">Ends the attempt.</param>
    public static async Task<T> EnsureAsync<T>(
        ResourceType<T> type, T? existing, T wanted, Func<T, T, T> change, PodAutoscaler owner, IKubernetesClient client, CancellationToken cancellation)
        where T : class, IKubernetesObject
    {
        if (existing is null)
        {
            var child = await ChildObjects.CreateAsync(client, type, wanted, owner, cancellation).ConfigureAwait(false);
            if (child.IsNew) return child.Object;
            existing = child.Object;
        }

        ChildObjects.EnsureOwned(type, existing, owner);
        var changed = change(existing, wanted);
        return Same(type, existing, changed) ? existing : await client.UpdateAsync(type, changed, cancellation).ConfigureAwait(false);
    }

    /// <summary>Whether two documents would be written alike.</summary>
    public static bool Same<T>(ResourceType<T> type, T a, T b)
        where T : class, IKubernetesObject
        => ReferenceEquals(a, b) || JsonElement.DeepEquals(JsonSerializer.SerializeToElement(a, type.Json), JsonSerializer.SerializeToElement(b, type.Json));
}
