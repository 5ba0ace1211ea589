using System.Globalization;
using System.Text.Json.Nodes;
using Serving.Api;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Patches;

namespace Serving.Tests.Support;

/// <summary>The patch types that <see cref="InMemoryCluster"/> supports.</summary>
internal static class InMemoryPatches
{
    private static readonly Lazy<Dictionary<(string Group, string Version, string Plural), ResourceInfo>> BuiltIn = new(() =>
        BuiltInKinds.Load().ToDictionary(kind => (kind.Group, kind.Version, kind.Plural))
    );

    /// <summary>RFC 7386; also used for apply, so lists are replaced as a whole.</summary>
    public static JsonNode? Merge(JsonNode? target, JsonNode? patch)
    {
        if (patch is not JsonObject changes)
        {
            return patch?.DeepClone();
        }

        var result = target as JsonObject ?? [];
        foreach (var (name, value) in changes)
        {
            if (value is null)
            {
                result.Remove(name);
            }
            else
            {
                var merged = Merge(result[name]?.DeepClone(), value);
                result[name] = merged;
            }
        }

        return result;
    }

    /// <summary>Kubernetes' strategic merge for built-in kinds; a merge patch for others.</summary>
    public static JsonNode StrategicMerge(ResourceType type, JsonObject target, JsonObject patch) =>
        BuiltIn.Value.TryGetValue((type.Group, type.Version, type.Plural), out var kind)
            ? StrategicMergePatch.Apply(target, patch, kind.Schema)
            : Merge(target, patch)!;

    /// <summary>RFC 6902: add, remove, replace and test.</summary>
    public static JsonNode Json(JsonNode target, JsonArray operations)
    {
        foreach (var operation in operations.Cast<JsonObject>())
        {
            var path = ((string)operation["path"]!).Split('/').Skip(1).Select(p => p.Replace("~1", "/").Replace("~0", "~")).ToArray();
            var parent = path.SkipLast(1)
                .Aggregate(target, (node, part) => Child(node, part) ?? throw new InvalidOperationException($"no {part} in {node}"));
            var value = operation["value"]?.DeepClone();
            switch ((string)operation["op"]!)
            {
                case "test" when !JsonNode.DeepEquals(Child(parent, path[^1]), value):
                    throw new InvalidOperationException($"testing path {operation["path"]} failed");
                case "test":
                    break;
                case "add" when parent is JsonArray array:
                    array.Insert(path[^1] == "-" ? array.Count : Index(path[^1]), value);
                    break;
                case "remove" when parent is JsonArray array:
                    array.RemoveAt(Index(path[^1]));
                    break;
                case "replace" when parent is JsonArray array:
                    array[Index(path[^1])] = value;
                    break;
                case "add" or "replace":
                    parent[path[^1]] = value;
                    break;
                case "remove":
                    ((JsonObject)parent).Remove(path[^1]);
                    break;
                default:
                    throw new NotSupportedException($"operation {operation["op"]}");
            }
        }

        return target;
    }

    private static JsonNode? Child(JsonNode node, string part) => node is JsonArray array ? array[Index(part)] : node[part];

    private static int Index(string part) => int.Parse(part, CultureInfo.InvariantCulture);
}
