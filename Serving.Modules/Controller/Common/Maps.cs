using Serving.Api.Core;

namespace Serving.Controller.Common;

/// <summary>Operations on string maps. Results are sorted by key, so that generated objects are always serialized identically.</summary>
internal static class Maps
{
    /// <summary>The annotation of client-side apply; it is never copied to children.</summary>
    public const string LastApplied = "kubectl.kubernetes.io/last-applied-configuration";

    /// <summary>All pairs; the last map with a key wins.</summary>
    public static SortedDictionary<string, string> Union(params ReadOnlySpan<IReadOnlyDictionary<string, string>> maps)
    {
        var result = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var map in maps)
        {
            foreach (var (key, value) in map)
            {
                result[key] = value;
            }
        }

        return result;
    }

    /// <summary>The pairs whose key is not excluded.</summary>
    public static SortedDictionary<string, string> Without(this IReadOnlyDictionary<string, string> map, Func<string, bool> refused)
    {
        var result = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, value) in map)
        {
            if (!refused(key))
            {
                result[key] = value;
            }
        }

        return result;
    }

    /// <summary>The metadata of an existing child with the labels and annotations of the wanted one.</summary>
    public static ObjectMeta WithMapsOf(this ObjectMeta existing, ObjectMeta wanted) =>
        existing with
        {
            Labels = wanted.Labels,
            Annotations = wanted.Annotations,
        };

    /// <summary>The value, or an empty string.</summary>
    public static string Get(this IReadOnlyDictionary<string, string> map, string key) => map.TryGetValue(key, out var value) ? value : "";

    /// <summary>The names in a comma-separated annotation.</summary>
    public static SortedSet<string> Names(this IReadOnlyDictionary<string, string> annotations, string key) =>
        new(annotations.Get(key).Split(',', StringSplitOptions.RemoveEmptyEntries), StringComparer.Ordinal);
}
