using System.Text.Json.Nodes;

namespace Serving.Api.Schema;

/// <summary>
/// The schema of a field beyond its type, which comes from the record. A field without a rule is not in the schema, so the API server
/// prunes it:
/// this excludes the pod fields that Knative does not support.
/// </summary>
internal sealed record FieldRule(string Description)
{
    /// <summary>Whether a field marked by <see cref="RequiredFieldAttribute"/> may be missing, because admission sets it or the kind does
    /// not need it.</summary>
    public bool IsOptional { get; init; }

    /// <summary>Whether the content is preserved without a schema, because it depends on a feature flag.</summary>
    public bool IsOpaque { get; init; }

    /// <summary>The field that identifies an entry of a list, for server-side apply.</summary>
    public string? MapKey { get; init; }

    /// <summary>Whether server-side apply replaces a list or an object as a whole.</summary>
    public bool IsAtomic { get; init; }

    /// <summary>The default value, applied by the API server.</summary>
    public string? Default { get; init; }

    /// <summary>The format of a string, or a number format other than that of its type; empty for a number without a format.</summary>
    public string? Format { get; init; }

    /// <summary>The schema of an entry of the list or map; null to use that of the entry's type.</summary>
    public FieldRule? Entry { get; init; }

    /// <summary>The schema of a field that the record does not model, or models more loosely; null to use the record's.</summary>
    public Func<JsonObject>? Shape { get; init; }

    /// <summary>A field behind a feature flag; objects and lists of objects are preserved without a schema.</summary>
    public static FieldRule Flag(string flag) => new($"This is accessible behind a feature flag - {flag}") { IsOpaque = true };

    /// <summary>A string that the record does not model.</summary>
    public static FieldRule Text(string description) => new(description) { Shape = static () => new JsonObject { ["type"] = "string" } };

    public static implicit operator FieldRule(string description) => new(description);
}
