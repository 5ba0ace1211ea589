using Serving.Api;
using Serving.Api.Core;

namespace Serving.Kubernetes;

/// <summary>
/// What the local copy leaves out: managed fields and the last applied configuration, which nobody reads and which are
/// often most of an object. It also says the kind, which items of lists leave out.
/// </summary>
internal static class Slimming
{
    private const string LastApplied = "kubectl.kubernetes.io/last-applied-configuration";
    private const string ManagedFields = "managedFields";

    public static T Slim<T>(ResourceType<T> type, T value)
        where T : class, IKubernetesObject
        => value switch
        {
            KubernetesObject record => (T)(object)(record with { ApiVersion = type.ApiVersion, Kind = type.Kind, Metadata = Slim(record.Metadata) }),
            ObjectHeader header => (T)(object)(header with { ApiVersion = type.ApiVersion, Kind = type.Kind, Metadata = Slim(header.Metadata) }),
            _ => value,
        };

    private static ObjectMeta Slim(ObjectMeta meta)
    {
        meta = meta.WithoutUnmodelled(ManagedFields);
        if (meta.Annotations.ContainsKey(LastApplied))
        {
            meta = meta with { Annotations = meta.Annotations.Where(pair => pair.Key != LastApplied).ToDictionary() };
        }

        return meta;
    }
}
