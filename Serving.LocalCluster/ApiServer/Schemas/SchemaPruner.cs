using System.Text.Json;
using System.Text.Json.Nodes;

namespace Serving.LocalCluster.ApiServer.Schemas;

/// <summary>Removes and reports fields that a schema does not contain; for built-in kinds it also reports values of the wrong
/// type.</summary>
internal static class SchemaPruner
{
    /// <summary>Prunes an object in place.</summary>
    /// <param name="schema">The schema of the whole object.</param>
    /// <param name="document">The object, with apiVersion, kind and metadata.</param>
    /// <param name="unknown">The list to which the paths of removed fields are added.</param>
    /// <param name="mistyped">The list to which the paths of values of the wrong type are added, with the expected type; null to leave
    /// them to validation.</param>
    public static void Prune(
        Schema schema,
        JsonObject document,
        List<string> unknown,
        List<(string Path, string Wanted, string Found)>? mistyped = null
    ) => Walk(schema, document, "", unknown, mistyped, isResource: true);

    private static void Walk(
        Schema schema,
        JsonNode? node,
        string path,
        List<string> unknown,
        List<(string, string, string)>? mistyped,
        bool isResource = false
    )
    {
        if (node is null)
            return;
        if (mistyped is not null && Mistyped(schema, node) is { } wanted)
        {
            mistyped.Add((path, wanted, Found(node)));
            return;
        }

        switch (node)
        {
            case JsonObject map:
                WalkObject(schema, map, path, unknown, mistyped, isResource || schema.IsEmbedded);
                break;
            case JsonArray list when schema.Items is not null:
                for (var i = 0; i < list.Count; i++)
                    Walk(schema.Items, list[i], $"{path}[{i}]", unknown, mistyped);
                break;
        }
    }

    private static void WalkObject(
        Schema schema,
        JsonObject map,
        string path,
        List<string> unknown,
        List<(string, string, string)>? mistyped,
        bool isResource
    )
    {
        List<string>? removed = null;
        foreach (var (name, value) in map)
        {
            var here = path.Length == 0 ? name : $"{path}.{name}";
            if (schema.TypeName is null && isResource && name is "apiVersion" or "kind")
                continue;
            if (schema.TypeName is null && isResource && name == "metadata")
                Walk(BuiltInSchemas.Instance["meta.v1.ObjectMeta"], value, here, unknown, mistyped);
            else if (schema.Properties.TryGetValue(name, out var property))
                Walk(property, value, here, unknown, mistyped);
            else if (schema.Values is not null)
                Walk(schema.Values, value, here, unknown, mistyped);
            else if (!schema.PreservesUnknown && schema.Type != SchemaType.Any)
                (removed ??= []).Add(name);
        }

        foreach (var name in removed ?? [])
        {
            map.Remove(name);
            unknown.Add(path.Length == 0 ? name : $"{path}.{name}");
        }
    }

    private static string? Mistyped(Schema schema, JsonNode node)
    {
        var kind = node.GetValueKind();
        return schema.Type switch
        {
            SchemaType.Object when kind != JsonValueKind.Object => schema.TypeName is { } name
                ? name[(name.LastIndexOf('.') + 1)..]
                : "map[string]string",
            SchemaType.Array when kind != JsonValueKind.Array => "[]" + (schema.Items?.TypeName ?? "string"),
            SchemaType.String when kind != JsonValueKind.String => "string",
            SchemaType.Boolean when kind is not (JsonValueKind.True or JsonValueKind.False) => "bool",
            SchemaType.Integer when kind != JsonValueKind.Number || !Rest.Json.TryGetInt64((JsonValue)node, out _) => schema.Format
                ?? "int64",
            SchemaType.Number when kind != JsonValueKind.Number => "float64",
            SchemaType.IntOrString when kind is not (JsonValueKind.Number or JsonValueKind.String) => schema.Format ?? "int-or-string",
            _ => null,
        };
    }

    private static string Found(JsonNode node) =>
        node.GetValueKind() switch
        {
            JsonValueKind.Object => "object",
            JsonValueKind.Array => "array",
            JsonValueKind.String => "string",
            JsonValueKind.Number => "number",
            _ => "bool",
        };
}
