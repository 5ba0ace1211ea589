using System.Text.Json.Nodes;

namespace Serving.Api.Schema;

/// <summary>
/// What the schema says of one field beyond its type, which comes from the record. A field without a rule is not in the
/// schema, so the API server prunes it: that is how the pod fields that Knative does not have are kept out.
/// </summary>
internal sealed record FieldRule(string Description)
{
    /// <summary>Whether a document may lack a field that <see cref="RequiredFieldAttribute"/> marks, because admission fills it in or the kind does without.</summary>
    public bool IsOptional { get; init; }

    /// <summary>Whether what is inside is kept without being described, because a feature flag decides on it.</summary>
    public bool IsOpaque { get; init; }

    /// <summary>The field that identifies an entry of a list, for server-side apply.</summary>
    public string? MapKey { get; init; }

    /// <summary>Whether a list or an object is replaced as a whole by server-side apply.</summary>
    public bool IsAtomic { get; init; }

    /// <summary>The value that the API server fills in when the field is absent.</summary>
    public string? Default { get; init; }

    /// <summary>The format of a string, or of a number in place of the one that its type has; empty for a number without one.</summary>
    public string? Format { get; init; }

    /// <summary>What the schema says of an entry of the list or map; null to take what the entry's type says.</summary>
    public FieldRule? Entry { get; init; }

    /// <summary>The schema of a field that the record does not model, or models more loosely; null to take the record's.</summary>
    public Func<JsonObject>? Shape { get; init; }

    /// <summary>A field that a feature flag opens; objects and lists of objects are kept as they are.</summary>
    public static FieldRule Flag(string flag) => new($"This is accessible behind a feature flag - {flag}") { IsOpaque = true };

    /// <summary>A string that the record does not model.</summary>
    public static FieldRule Text(string description) => new(description) { Shape = static () => new JsonObject { ["type"] = "string" } };

    public static implicit operator FieldRule(string description) => new(description);
}
