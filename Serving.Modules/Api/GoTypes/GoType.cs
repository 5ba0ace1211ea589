namespace Serving.Api.GoTypes;

/// <summary>What a Go type is made of, as far as JSON and messages show it.</summary>
internal enum GoKind
{
    /// <summary>Something that nothing here looks into.</summary>
    Opaque,
    String,
    Bool,
    Int32,
    Int64,

    /// <summary>An amount, see <see cref="Core.Quantity"/>.</summary>
    Quantity,

    /// <summary>A number or a text, see <see cref="Core.IntOrString"/>.</summary>
    IntOrString,
    Time,
    Pointer,
    List,
    Map,
    Struct,
}

/// <summary>
/// The type by which the reference holds a part of a document. Records here say what we work with; this says what the reference
/// reads, refuses, compares and prints, which shows in its messages.
/// </summary>
/// <param name="Kind">What it is.</param>
/// <param name="Name">How messages call it.</param>
/// <param name="Element">What a pointer, list or map holds.</param>
/// <param name="Fields">The fields of a struct, in their order.</param>
internal sealed record GoType(GoKind Kind, string Name, GoType? Element, IReadOnlyList<GoField> Fields)
{
    /// <summary>The fields of a struct in the order of its protocol buffer, in which a pointer to one is printed.</summary>
    public IReadOnlyList<GoField> ProtocolOrder { get; init; } = Fields;

    /// <summary>The fields of a struct with those of what is inlined in it, by their names in documents.</summary>
    public IReadOnlyDictionary<string, GoField> Members => field ??= Fields
        .SelectMany(f => f.Json.Length == 0 ? f.Type.Members.Values : [f]).ToDictionary(f => f.Json, StringComparer.Ordinal);
}

/// <summary>A field of a struct.</summary>
/// <param name="Name">Its name in Go.</param>
/// <param name="Json">Its name in documents; empty when it is inlined, so that its members are those of the struct itself.</param>
/// <param name="Type">Its type.</param>
/// <param name="IsAlwaysWritten">Whether it is written even when nobody set it.</param>
internal sealed record GoField(string Name, string Json, GoType Type, bool IsAlwaysWritten);
