using Serving.Api;
using Serving.Api.Core;

namespace Serving.Kubernetes;

/// <summary>
/// What the local copy leaves out: managed fields and the last applied configuration, which nobody reads and which are
/// often most of an object. It also says the kind, which items of lists leave out. Invariant: a copy remembers that it lacks the
/// last applied configuration, and is made whole before it replaces the object; managed fields are the server's to keep.
/// </summary>
internal static class Slimming
{
    private const string LastApplied = "kubectl.kubernetes.io/last-applied-configuration";
    private const string ManagedFields = "managedFields";

    public static T Slim<T>(ResourceType<T> type, T value)
        where T : class, IKubernetesObject =>
        value switch
        {
            KubernetesObject record => (T)
                (object)(record with { ApiVersion = type.ApiVersion, Kind = type.Kind, Metadata = Slim(record.Metadata) }),
            ObjectHeader header => (T)
                (object)(header with { ApiVersion = type.ApiVersion, Kind = type.Kind, Metadata = Slim(header.Metadata) }),
            _ => value,
        };

    /// <summary>
    /// The object with what <see cref="Slim{T}(ResourceType{T},T)"/> left out, read from the server. One that is out of date comes back
    /// as it is: the server refuses to replace anything by it.
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

    private static ObjectMeta Slim(ObjectMeta meta)
    {
        meta = meta.WithoutUnmodelled(ManagedFields);
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
