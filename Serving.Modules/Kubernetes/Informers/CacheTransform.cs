using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;

namespace Serving.Kubernetes.Informers;

/// <summary>
/// Shrinks objects before they are cached: removes managed fields and the last applied configuration, which nothing reads and which are
/// often most of an object, and sets the kind, which items of lists lack. A cached object records that it lacks the last applied
/// configuration, which is fetched again before the object is replaced; the server keeps the managed fields itself.
/// </summary>
internal static class CacheTransform
{
    private const string LastApplied = "kubectl.kubernetes.io/last-applied-configuration";
    private const string ManagedFields = "managedFields";

    public static T Apply<T>(ResourceType<T> type, T value)
        where T : class, IKubernetesObject =>
        value switch
        {
            KubernetesObject record => (T)
                (object)(record with { ApiVersion = type.ApiVersion, Kind = type.Kind, Metadata = Apply(record.Metadata) }),
            ObjectHeader header => (T)
                (object)(header with { ApiVersion = type.ApiVersion, Kind = type.Kind, Metadata = Apply(header.Metadata) }),
            _ => value,
        };

    /// <summary>
    /// Fetches the last applied configuration that <see cref="Apply{T}(ResourceType{T},T)"/> removed. An outdated object is returned
    /// unchanged:
    /// the server rejects the write anyway.
    /// </summary>
    public static async ValueTask<T> WholeAsync<T>(IKubernetesClient client, ResourceType<T> type, T value, CancellationToken cancellation)
        where T : class, IKubernetesObject
    {
        if (value is not KubernetesObject { Metadata: { LacksLastApplied: true } meta } record || meta.Annotations.ContainsKey(LastApplied))
        {
            return value;
        }

        var current = await client.GetAsync(type, meta.Namespace, meta.Name, cancellation);
        if (
            current.Metadata.ResourceVersion != meta.ResourceVersion
            || !current.Metadata.Annotations.TryGetValue(LastApplied, out var applied)
        )
        {
            return value;
        }

        var annotations = new Dictionary<string, string>(meta.Annotations) { [LastApplied] = applied };
        return (T)(object)(record with { Metadata = meta with { Annotations = annotations, LacksLastApplied = false } });
    }

    private static ObjectMeta Apply(ObjectMeta meta)
    {
        meta = meta.WithoutExtensionData(ManagedFields);
        if (meta.Annotations.ContainsKey(LastApplied))
        {
            meta = meta with
            {
                Annotations = meta.Annotations.Where(pair => pair.Key != LastApplied).ToDictionary(),
                LacksLastApplied = true,
            };
        }

        return meta;
    }
}
