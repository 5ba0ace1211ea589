using System.Text.Json.Nodes;

namespace Serving.LocalCluster.ApiServer.Patches;

/// <summary>JSON merge patch (RFC 7386).</summary>
internal static class MergePatch
{
    /// <summary>Merges a patch into an object, in place, and returns it.</summary>
    public static JsonObject Apply(JsonObject document, JsonObject patch)
    {
        foreach (var (name, value) in patch)
        {
            if (value is null)
                document.Remove(name);
            else if (value is JsonObject map && document[name] is JsonObject target)
                Apply(target, map);
            else if (value is JsonObject fresh)
                document[name] = Apply([], fresh);
            else
                document[name] = value.DeepClone();
        }

        return document;
    }
}
