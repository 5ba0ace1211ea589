using System.Text.Json.Nodes;

namespace Serving.LocalCluster.ApiServer.Schemas;

/// <summary>The type of a value.</summary>
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
/// The schema of a value: one model for built-in kinds and custom resources, used by validation, pruning, defaulting, patches, apply and
/// OpenAPI.
/// </summary>
internal sealed class Schema
{
    public SchemaType Type { get; set; }

    /// <summary>The name of a built-in type; null for custom resources.</summary>
    public string? TypeName { get; init; }

    /// <summary>The OpenAPI format, such as <c>date-time</c> or <c>int32</c>.</summary>
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

    /// <summary>Whether apply tracks an object or map as a whole.</summary>
    public bool IsAtomic { get; set; }

    /// <summary>Strategic merge: whether a list is merged instead of replaced.</summary>
    public bool Merges { get; init; }

    /// <summary>Strategic merge: the key of the list's items; null for lists of plain values.</summary>
    public string? MergeKey { get; init; }

    /// <summary>Strategic merge: whether <c>$retainKeys</c> is honoured.</summary>
    public bool RetainsKeys { get; init; }

    /// <summary>Custom resources: whether unknown fields are kept.</summary>
    public bool PreservesUnknown { get; init; }

    /// <summary>Custom resources: whether the value is an embedded object with apiVersion, kind and metadata.</summary>
    public bool IsEmbedded { get; init; }

    public bool IsNullable { get; init; }

    /// <summary>Custom resources: the default of an absent value.</summary>
    public JsonNode? Default { get; init; }

    /// <summary>Custom resources: the validation rules; null without any.</summary>
    public Constraints? Constraints { get; init; }

    /// <summary>A custom resource's original schema, for OpenAPI.</summary>
    public JsonObject? Source { get; init; }
}

/// <summary>A field of a protobuf message; <paramref name="Inline"/> when the fields of its message belong to the containing
/// object.</summary>
internal sealed record ProtobufField(string Name, Schema Schema, bool Inline);

/// <summary>Validation rules of values.</summary>
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
