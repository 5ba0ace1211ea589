using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Schemas;

namespace Serving.LocalCluster.ApiServer.CustomResources;

/// <summary>Reads a definition's openAPIV3Schema.</summary>
internal static class CustomSchema
{
    private const int MostPatterns = 4096;

    private static readonly ConcurrentDictionary<string, Regex> Patterns = new(StringComparer.Ordinal);

    /// <summary>Converts a schema; null allows anything.</summary>
    public static Schema Read(JsonObject? source)
    {
        if (source is null)
            return new Schema { Type = SchemaType.Object, PreservesUnknown = true };
        var list = source.String("x-kubernetes-list-type");
        var schema = new Schema
        {
            Type = TypeOf(source),
            Format = source.String("format"),
            Description = source.String("description"),
            Values = source["additionalProperties"] switch
            {
                JsonObject values => Read(values),
                JsonValue flag when flag.GetValueKind() == System.Text.Json.JsonValueKind.True => new Schema { PreservesUnknown = true },
                _ => null,
            },
            Items = source.Object("items") is { } items ? Read(items) : null,
            List = list switch
            {
                "map" => ListKind.Map,
                "set" => ListKind.Set,
                _ => ListKind.Atomic,
            },
            ListKeys = [.. (source.Array("x-kubernetes-list-map-keys") ?? []).Select(k => k?.GetValue<string>() ?? "")],
            IsAtomic = source.String("x-kubernetes-map-type") == "atomic",
            PreservesUnknown = source.True("x-kubernetes-preserve-unknown-fields"),
            IsEmbedded = source.True("x-kubernetes-embedded-resource"),
            IsNullable = source.True("nullable"),
            Default = source["default"]?.DeepClone(),
            Constraints = ConstraintsOf(source),
            Source = source,
        };
        foreach (var (name, property) in source.Object("properties") ?? [])
            schema.Properties[name] = Read(property as JsonObject ?? []);
        schema.Required.AddRange((source.Array("required") ?? []).Select(r => r?.GetValue<string>() ?? ""));
        return schema;
    }

    private static SchemaType TypeOf(JsonObject source)
    {
        if (source.True("x-kubernetes-int-or-string"))
            return SchemaType.IntOrString;
        return source.String("type") switch
        {
            "object" => SchemaType.Object,
            "array" => SchemaType.Array,
            "string" => SchemaType.String,
            "integer" => SchemaType.Integer,
            "number" => SchemaType.Number,
            "boolean" => SchemaType.Boolean,
            _ => SchemaType.Any,
        };
    }

    private static Constraints? ConstraintsOf(JsonObject source)
    {
        var isIntOrString = source.True("x-kubernetes-int-or-string");
        var rules = new Constraints
        {
            Enum = source.Array("enum")?.Select(e => e?.DeepClone()).ToList(),
            Pattern = source.String("pattern") is { } pattern ? Compile(pattern) : null,
            Minimum = (source["minimum"] as JsonValue)?.Number(),
            ExclusiveMinimum = source.True("exclusiveMinimum"),
            Maximum = (source["maximum"] as JsonValue)?.Number(),
            ExclusiveMaximum = source.True("exclusiveMaximum"),
            MultipleOf = (source["multipleOf"] as JsonValue)?.Number(),
            MinLength = source.Integer("minLength"),
            MaxLength = source.Integer("maxLength"),
            MinItems = source.Integer("minItems"),
            MaxItems = source.Integer("maxItems"),
            UniqueItems = source.True("uniqueItems"),
            MinProperties = source.Integer("minProperties"),
            MaxProperties = source.Integer("maxProperties"),
            AllOf = Parts(source, "allOf", isIntOrString),
            AnyOf = Parts(source, "anyOf", isIntOrString),
            OneOf = Parts(source, "oneOf", false),
            Not = source.Object("not") is { } not ? Read(not) : null,
        };
        return rules == new Constraints() ? null : rules;
    }

    // The anyOf of integer and string that accompanies x-kubernetes-int-or-string adds nothing.
    private static List<Schema>? Parts(JsonObject source, string name, bool isIntOrString) =>
        isIntOrString && name == "anyOf" ? null : source.Array(name)?.OfType<JsonObject>().Select(Read).ToList();

    private static Regex? Compile(string pattern)
    {
        // Bound the cache, because definitions change; regexes in use stay alive.
        if (Patterns.Count >= MostPatterns)
            Patterns.Clear();
        return Patterns.GetOrAdd(
            pattern,
            static p => new Regex(p.Replace(@"\z", "$", StringComparison.Ordinal), RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1))
        );
    }
}
