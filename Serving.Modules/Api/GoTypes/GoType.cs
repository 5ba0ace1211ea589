namespace Serving.Api.GoTypes;

/// <summary>The kind of a Go type, as far as it affects JSON and messages.</summary>
internal enum GoKind
{
    /// <summary>A type that is not inspected.</summary>
    Opaque,
    String,
    Bool,
    Int32,
    Int64,

    /// <summary>A quantity, see <see cref="Core.Quantity"/>.</summary>
    Quantity,

    /// <summary>A number or a string, see <see cref="Core.IntOrString"/>.</summary>
    IntOrString,
    Time,
    Pointer,
    List,
    Map,
    Struct,
}

/// <summary>
/// The Go type that the reference uses for a part of a document. The records model what we use; this models what the reference decodes,
/// rejects, compares and prints, which is visible in its messages.
/// </summary>
/// <param name="Kind">The kind.</param>
/// <param name="Name">The name in messages.</param>
/// <param name="Element">The element type of a pointer, list or map.</param>
/// <param name="Fields">The fields of a struct, in order.</param>
internal sealed record GoType(GoKind Kind, string Name, GoType? Element, IReadOnlyList<GoField> Fields)
{
    /// <summary>The fields of a struct in protocol buffer order, which is the order when a pointer to it is printed.</summary>
    public IReadOnlyList<GoField> ProtocolOrder { get; init; } = Fields;

    /// <summary>The fields of a struct, including those of inlined structs, by JSON name.</summary>
    public IReadOnlyDictionary<string, GoField> Members =>
        field ??= Fields
            .SelectMany(f => f.Json.Length == 0 ? f.Type.Members.Values : [f])
            .ToDictionary(f => f.Json, StringComparer.Ordinal);
}

/// <summary>A field of a struct.</summary>
/// <param name="Name">The Go name.</param>
/// <param name="Json">The JSON name; empty when it is inlined, so that its members belong to the struct itself.</param>
/// <param name="Type">The type.</param>
/// <param name="IsAlwaysWritten">Whether it is written even when empty (no <c>omitempty</c>).</param>
internal sealed record GoField(string Name, string Json, GoType Type, bool IsAlwaysWritten);
