using System.Text.Json.Nodes;

namespace Serving.LocalCluster.ApiServer.Schemas;

/// <summary>What a value may be.</summary>
internal enum SchemaType
{
    Any,
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
    IntOrString,
}

/// <summary>How apply and merges treat a list.</summary>
internal enum ListKind
{
    Atomic,
    Set,
    Map,
}

/// <summary>
/// The shape of a value: one model for built-in kinds and custom resources, behind validation, pruning, defaults, patches, apply and OpenAPI.
/// </summary>
internal sealed class Schema
{
    public SchemaType Type { get; set; }

    /// <summary>The name of a built-in type; null for custom resources.</summary>
    public string? TypeName { get; init; }

    /// <summary>OpenAPI's format, as <c>date-time</c> or <c>int32</c>.</summary>
    public string? Format { get; init; }

    public string? Description { get; init; }

    /// <summary>Known fields of an object.</summary>
    public Dictionary<string, Schema> Properties { get; } = new(StringComparer.Ordinal);

    /// <summary>The values of a map.</summary>
    public Schema? Values { get; init; }

    /// <summary>The items of a list.</summary>
    public Schema? Items { get; init; }

    public List<string> Required { get; } = [];

    /// <summary>Protobuf field numbers of a built-in type, by number.</summary>
    public Dictionary<int, ProtobufField> Numbers { get; } = [];

    public ListKind List { get; init; }

    /// <summary>The keys of a list map.</summary>
    public IReadOnlyList<string> ListKeys { get; init; } = [];

    /// <summary>Whether apply owns an object or map as a whole.</summary>
    public bool IsAtomic { get; set; }

    /// <summary>Strategic merge: merges a list instead of replacing it.</summary>
    public bool Merges { get; init; }

    /// <summary>Strategic merge: the key of the list's items; null for lists of plain values.</summary>
    public string? MergeKey { get; init; }

    /// <summary>Strategic merge: honours <c>$retainKeys</c>.</summary>
    public bool RetainsKeys { get; init; }

    /// <summary>Custom resources: fields that are not named are kept.</summary>
    public bool PreservesUnknown { get; init; }

    /// <summary>Custom resources: the value is an object with apiVersion, kind and metadata of its own.</summary>
    public bool IsEmbedded { get; init; }

    public bool IsNullable { get; init; }

    /// <summary>Custom resources: what an absent value becomes.</summary>
    public JsonNode? Default { get; init; }

    /// <summary>Custom resources: the rules for values; null when there are none.</summary>
    public Constraints? Constraints { get; init; }

    /// <summary>A custom resource's schema as it was written, for OpenAPI.</summary>
    public JsonObject? Source { get; init; }
}

/// <summary>A field of a protobuf message; <paramref name="Inline"/> when its message's fields belong to the object around it.</summary>
internal sealed record ProtobufField(string Name, Schema Schema, bool Inline);

/// <summary>Rules for values.</summary>
internal sealed record Constraints
{
    public IReadOnlyList<JsonNode?>? Enum { get; init; }

    public System.Text.RegularExpressions.Regex? Pattern { get; init; }

    public double? Minimum { get; init; }

    public bool ExclusiveMinimum { get; init; }

    public double? Maximum { get; init; }

    public bool ExclusiveMaximum { get; init; }

    public double? MultipleOf { get; init; }

    public long? MinLength { get; init; }

    public long? MaxLength { get; init; }

    public long? MinItems { get; init; }

    public long? MaxItems { get; init; }

    public bool UniqueItems { get; init; }

    public long? MinProperties { get; init; }

    public long? MaxProperties { get; init; }

    public IReadOnlyList<Schema>? AllOf { get; init; }

    public IReadOnlyList<Schema>? AnyOf { get; init; }

    public IReadOnlyList<Schema>? OneOf { get; init; }

    public Schema? Not { get; init; }
}
