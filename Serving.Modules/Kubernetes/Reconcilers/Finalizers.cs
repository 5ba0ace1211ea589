using System.Text.Json.Nodes;
using Serving.Api;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;

namespace Serving.Kubernetes.Reconcilers;

/// <summary>
/// Adds and removes finalizers. Uses a patch, because the cached copy is not complete and only the finalizers must change.
/// </summary>
public static class Finalizers
{
    /// <summary>The object with the finalizer.</summary>
    public static Task<T> AddAsync<T>(
        ResourceType<T> type,
        T value,
        string finalizer,
        IKubernetesClient client,
        IEventRecorder events,
        CancellationToken cancellation
    )
        where T : class, IKubernetesObject =>
        SetAsync(type, value, [.. value.Metadata.Finalizers, finalizer], client, events, cancellation);

    /// <summary>Removes the finalizer; does nothing when the object does not exist any more.</summary>
    public static async Task RemoveAsync<T>(
        ResourceType<T> type,
        T value,
        string finalizer,
        IKubernetesClient client,
        IEventRecorder events,
        CancellationToken cancellation
    )
        where T : class, IKubernetesObject
    {
        try
        {
            await SetAsync(type, value, [.. value.Metadata.Finalizers.Where(other => other != finalizer)], client, events, cancellation);
        }
        catch (KubernetesException error) when (error.IsNotFound)
        {
            // Another writer removed the finalizer, and the object is gone.
        }
    }

    private static async Task<T> SetAsync<T>(
        ResourceType<T> type,
        T value,
        IReadOnlyList<string> finalizers,
        IKubernetesClient client,
        IEventRecorder events,
        CancellationToken cancellation
    )
        where T : class, IKubernetesObject
    {
        var patch = new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["finalizers"] = new JsonArray([.. finalizers.Select(finalizer => JsonValue.Create(finalizer))]),
                ["resourceVersion"] = value.Metadata.ResourceVersion,
            },
        };
        var name = value.Metadata.Name;
        try
        {
            var updated = await client.PatchAsync(
                type,
                value.Metadata.Namespace,
                name,
                new Patch(PatchType.Merge, patch.ToJsonString()),
                cancellation
            );
            events.Normal(value, "FinalizerUpdate", $"Updated \"{name}\" finalizers");
            return updated;
        }
        catch (KubernetesException error) when (!error.IsConflict && !error.IsNotFound)
        {
            events.Warning(value, "FinalizerUpdateFailed", $"Failed to update finalizers for \"{name}\": {error.Message}");
            throw;
        }
    }
}
