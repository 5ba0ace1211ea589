using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Tests.Support;

namespace Serving.Tests.Api;

/// <summary>
/// The content of a custom resource definition as comparable lines: everything except descriptions. The header of
/// <c>reference-fields.txt</c>, which contains those of the reference, describes the format.
/// </summary>
internal static class DefinitionFacts
{
    private const string Prefix = "x-kubernetes-";
    private static readonly JsonSerializerOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The facts of a definition.</summary>
    public static IEnumerable<string> Of(JsonObject definition)
    {
        var metadata = definition["metadata"]!.AsObject();
        var spec = definition["spec"]!.AsObject();
        return Without(metadata, "name", "labels")
            .Select(m => $"{m.Key} {Text(m.Value)}")
            .Concat((metadata["labels"] as JsonObject ?? []).Select(l => $"label {l.Key} {Text(l.Value)}"))
            .Concat(Without(spec, "names", "versions").Select(s => $"{s.Key} {Text(s.Value)}"))
            .Append($"names {Text(Completed(spec["names"]!.AsObject()))}")
            .Concat(spec["versions"]!.AsArray().SelectMany(v => OfVersion(v!.AsObject())));
    }

    /// <summary>The facts of the reference's definitions, by name.</summary>
    public static IReadOnlyDictionary<string, List<string>> OfReference()
    {
        var definitions = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        foreach (
            var line in File.ReadLines(Repository.PathOf("Serving.Tests", "Api", "reference-fields.txt")).Where(l => !l.StartsWith('#'))
        )
        {
            if (!line.StartsWith(' '))
            {
                definitions.Add(line, []);
            }
            else if (line.Trim().Split(' ') is [var path, "as", var definition, var other])
            {
                definitions
                    .Last()
                    .Value.AddRange([.. definitions[definition].Where(f => IsWithin(f, other)).Select(f => path + f[other.Length..])]);
            }
            else
            {
                definitions.Last().Value.Add(line.Trim());
            }
        }

        return definitions;
    }

    /// <summary>A schema and all schemas inside it, by path.</summary>
    public static IEnumerable<(string Path, JsonObject Schema)> Schemas(JsonObject schema, string path = "")
    {
        var inside = (schema["properties"] as JsonObject ?? []).SelectMany(p => Schemas(p.Value!.AsObject(), $"{path}.{p.Key}"));
        return new[] { (path, schema) }
            .Concat(inside)
            .Concat(schema["items"] is JsonObject items ? Schemas(items, path + "[]") : [])
            .Concat(schema["additionalProperties"] is JsonObject values ? Schemas(values, path + "{}") : []);
    }

    /// <summary>Whether the path is an entry of a list or map, not a field.</summary>
    public static bool IsEntry(string path) =>
        path.EndsWith("[]", StringComparison.Ordinal) || path.EndsWith("{}", StringComparison.Ordinal);

    private static IEnumerable<string> OfVersion(JsonObject version)
    {
        var name = version["name"]!.GetValue<string>();
        var columns = version["additionalPrinterColumns"] as JsonArray ?? [];
        return new[] { $"version {name} {Text(Object(Without(version, "name", "schema", "additionalPrinterColumns")))}" }
            .Concat(columns.Select((column, i) => $"column {name} {i + 1} {Text(Object(Without(column!.AsObject(), "description")))}"))
            .Concat(Schemas(version["schema"]!["openAPIV3Schema"]!.AsObject()).Select(s => OfSchema(s.Path, s.Schema)));
    }

    private static string OfSchema(string path, JsonObject schema)
    {
        var type = (schema["type"]?.GetValue<string>() ?? "any") + (schema["format"] is { } format ? $"/{format}" : "");
        var rest = Without(schema, "type", "format", "properties", "items", "description")
            .Where(k => k is not { Key: "additionalProperties", Value: JsonObject })
            .OrderBy(k => k.Key, StringComparer.Ordinal)
            .Select(OfKeyword);
        string[] explained = IsEntry(path) && schema.ContainsKey("description") ? ["explained"] : [];
        return string.Join(' ', [path.Length == 0 ? "." : path, type, .. rest, .. explained]);
    }

    private static string OfKeyword(KeyValuePair<string, JsonNode?> keyword)
    {
        var name = keyword.Key.StartsWith(Prefix, StringComparison.Ordinal) ? keyword.Key[Prefix.Length..] : keyword.Key;
        return keyword.Value switch
        {
            JsonValue value when value.GetValueKind() == JsonValueKind.True => name,
            JsonArray required when name == "required" =>
                $"{name}={Text(new JsonArray([.. required.Select(r => r!.DeepClone()).OrderBy(r => (string?)r, StringComparer.Ordinal)]))}",
            var value => $"{name}={Text(value)}",
        };
    }

    // Defaults applied by the API server.
    private static JsonObject Completed(JsonObject names)
    {
        var kind = names["kind"]!.GetValue<string>();
        var completed = names.DeepClone().AsObject();
        completed["listKind"] ??= kind + "List";
        completed["singular"] ??= kind.ToLowerInvariant();
        return completed;
    }

    private static bool IsWithin(string fact, string path) =>
        fact.StartsWith(path, StringComparison.Ordinal) && fact[path.Length] is ' ' or '.' or '[' or '{';

    private static IEnumerable<KeyValuePair<string, JsonNode?>> Without(JsonObject value, params string[] names) =>
        value.Where(p => !names.Contains(p.Key));

    private static JsonObject Object(IEnumerable<KeyValuePair<string, JsonNode?>> members) =>
        new(members.Select(m => KeyValuePair.Create(m.Key, m.Value?.DeepClone())));

    private static string Text(JsonNode? value) => Sorted(value)?.ToJsonString(Compact) ?? "null";

    private static JsonNode? Sorted(JsonNode? value) =>
        value switch
        {
            JsonObject map => new JsonObject(
                map.OrderBy(m => m.Key, StringComparer.Ordinal).Select(m => KeyValuePair.Create(m.Key, Sorted(m.Value)))
            ),
            JsonArray list => new JsonArray([.. list.Select(Sorted)]),
            _ => value?.DeepClone(),
        };
}
