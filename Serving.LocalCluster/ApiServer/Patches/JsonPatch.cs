using System.Globalization;
using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Patches;

/// <summary>JSON patch (RFC 6902).</summary>
internal static class JsonPatch
{
    private const int MaxOperations = 10_000;

    /// <summary>Applies the operations in order to a document, in place; returns the new root.</summary>
    /// <exception cref="ApiException">422: an operation cannot be applied.</exception>
    public static JsonNode? Apply(JsonNode? document, JsonArray operations)
    {
        if (operations.Count > MaxOperations)
            throw new ApiException(
                413,
                "RequestEntityTooLarge",
                $"The allowed maximum operations in a JSON patch is {MaxOperations}, got {operations.Count}"
            );
        foreach (var operation in operations)
        {
            var kind = operation.String("op") ?? "";
            var path = operation.String("path") ?? throw Refuse(kind, "the path is missing");
            switch (kind)
            {
                case "add":
                    document = Add(document, path, Value(operation, kind), kind);
                    break;
                case "remove":
                    Remove(document, path, kind);
                    break;
                case "replace":
                    if (path.Length > 0)
                        Remove(document, path, kind);
                    document = Add(document, path, Value(operation, kind), kind);
                    break;
                case "move":
                    var moved = Remove(document, operation.String("from") ?? "", kind);
                    document = Add(document, path, moved, kind);
                    break;
                case "copy":
                    document = Add(document, path, Find(document, operation.String("from") ?? "", kind)?.DeepClone(), kind);
                    break;
                case "test":
                    if (!JsonNode.DeepEquals(Find(document, path, kind, mayMiss: true), operation!["value"]))
                        throw Refuse(kind, $"testing value {path} failed");
                    break;
                default:
                    throw ApiException.BadRequest($"error decoding patch: unknown operation \"{kind}\"");
            }
        }

        return document;
    }

    private static JsonNode? Value(JsonNode? operation, string kind) =>
        operation is JsonObject map && map.TryGetPropertyValue("value", out var value)
            ? value?.DeepClone()
            : throw Refuse(kind, "the value is missing");

    private static JsonNode? Add(JsonNode? document, string path, JsonNode? value, string kind)
    {
        if (path.Length == 0)
            return value;
        var (parent, last) = Parent(document, path, kind);
        switch (parent)
        {
            case JsonObject map:
                map[last] = value;
                break;
            case JsonArray list:
                list.Insert(last == "-" ? list.Count : Index(last, list.Count, path, kind), value);
                break;
            default:
                throw Missing(path, kind);
        }

        return document;
    }

    private static JsonNode? Remove(JsonNode? document, string path, string kind)
    {
        var (parent, last) = Parent(document, path, kind);
        switch (parent)
        {
            case JsonObject map when map.TryGetPropertyValue(last, out var value):
                map.Remove(last);
                return value;
            case JsonArray list:
                var index = Index(last, list.Count - 1, path, kind);
                var item = list[index];
                list.RemoveAt(index);
                return item;
            default:
                throw Missing(path, kind);
        }
    }

    private static JsonNode? Find(JsonNode? document, string path, string kind, bool mayMiss = false)
    {
        var node = document;
        foreach (var step in Steps(path))
        {
            switch (node)
            {
                case JsonObject map when map.TryGetPropertyValue(step, out var value):
                    node = value;
                    break;
                case JsonArray list
                    when int.TryParse(step, CultureInfo.InvariantCulture, out var index) && index >= 0 && index < list.Count:
                    node = list[index];
                    break;
                default:
                    return mayMiss ? null : throw Missing(path, kind);
            }
        }

        return node;
    }

    private static (JsonNode? Parent, string Last) Parent(JsonNode? document, string path, string kind)
    {
        var at = path.LastIndexOf('/');
        if (at < 0)
            throw Missing(path, kind);
        return (Find(document, path[..at], kind), Unescape(path[(at + 1)..]));
    }

    private static int Index(string step, int most, string path, string kind) =>
        int.TryParse(step, CultureInfo.InvariantCulture, out var index) && index >= 0 && index <= most ? index : throw Missing(path, kind);

    private static IEnumerable<string> Steps(string path) => path.Length == 0 ? [] : path.Split('/').Skip(1).Select(Unescape);

    private static string Unescape(string step) =>
        step.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);

    private static ApiException Missing(string path, string kind) => Refuse(kind, $"doc is missing path: {path}: missing value");

    private static ApiException Refuse(string kind, string why) =>
        new(
            422,
            "Invalid",
            $"the server rejected our request due to an error in our request: jsonpatch {kind} operation does not apply: {why}"
        );
}
