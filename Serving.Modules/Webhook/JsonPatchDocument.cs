using System.Text.Json;
using System.Text.Json.Nodes;

namespace Serving.Webhook;

/// <summary>
/// Computes the JSON patch (RFC 6902) from one document to another. Adding null or an empty list has no meaning in Kubernetes and is left
/// out, and so is removing something empty: only meaningful changes are patched. An empty string is added only where it is a value (the
/// <c>service</c> of a gRPC probe). An empty object is added where users see it (<c>resources: {}</c>), but not where every document has
/// one, such as the status.
/// </summary>
internal static class JsonPatchDocument
{
    /// <summary>The operations; none when the documents are equivalent.</summary>
    public static JsonArray Between(JsonElement from, JsonElement to)
    {
        var operations = new JsonArray();
        Compare(operations, "", from, to);
        return operations;
    }

    private static void Compare(JsonArray operations, string path, JsonElement from, JsonElement to)
    {
        if (JsonElement.DeepEquals(from, to) || (IsEmpty(from) && IsEmpty(to) && !AreObjects(from, to)))
        {
            return;
        }

        if (AreObjects(from, to))
        {
            CompareObjects(operations, path, from, to);
        }
        else if (
            from.ValueKind == JsonValueKind.Array
            && to.ValueKind == JsonValueKind.Array
            && from.GetArrayLength() == to.GetArrayLength()
        )
        {
            // Enumerated in parallel: looking up an entry by index is linear.
            var i = 0;
            foreach (var (was, now) in from.EnumerateArray().Zip(to.EnumerateArray()))
            {
                Compare(operations, $"{path}/{i++}", was, now);
            }
        }
        else
        {
            operations.Add((JsonNode)Operation("replace", path, to));
        }
    }

    private static void CompareObjects(JsonArray operations, string path, JsonElement from, JsonElement to)
    {
        foreach (var member in from.EnumerateObject())
        {
            if (!to.TryGetProperty(member.Name, out _) && !IsEmpty(member.Value))
            {
                operations.Add((JsonNode)Operation("remove", Child(path, member.Name), null));
            }
        }

        foreach (var member in to.EnumerateObject())
        {
            if (from.TryGetProperty(member.Name, out var old))
            {
                Compare(operations, Child(path, member.Name), old, member.Value);
            }
            else if (
                path.Length == 0
                    ? !IsEmpty(member.Value)
                    : member.Value.ValueKind is JsonValueKind.Object or JsonValueKind.String || !IsEmpty(member.Value)
            )
            {
                operations.Add((JsonNode)Operation("add", Child(path, member.Name), member.Value));
            }
        }
    }

    private static bool AreObjects(JsonElement one, JsonElement other) =>
        one.ValueKind == JsonValueKind.Object && other.ValueKind == JsonValueKind.Object;

    private static JsonObject Operation(string name, string path, JsonElement? value)
    {
        var operation = new JsonObject { ["op"] = name, ["path"] = path };
        if (value is { } element)
        {
            operation["value"] = JsonNode.Parse(element.GetRawText(), documentOptions: new() { MaxDepth = AdmissionReview.MaxDepth });
        }

        return operation;
    }

    private static string Child(string path, string name) =>
        $"{path}/{name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal)}";

    // Only nulls, empty strings, lists and objects at any depth; an object inside a list is an entry and counts.
    private static bool IsEmpty(JsonElement value) =>
        value.ValueKind switch
        {
            JsonValueKind.Null => true,
            JsonValueKind.String => value.ValueEquals(""),
            JsonValueKind.Array => value.GetArrayLength() == 0,
            JsonValueKind.Object => value.EnumerateObject().All(m => IsEmpty(m.Value)),
            _ => false,
        };
}
