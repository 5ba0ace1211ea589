using System.Text.Json;

namespace Serving.Api.GoTypes;

/// <summary>
/// Kubernetes' semantic equality: quantities are compared by value, and empty and zero values equal missing ones. Pointers are the
/// exception:
/// a missing pointer differs from a pointer to a zero value.
/// </summary>
internal static class GoEquality
{
    /// <summary>Whether both are equal; null is a missing value.</summary>
    public static bool Same(JsonElement? left, JsonElement? right, GoType type) =>
        type.Kind switch
        {
            GoKind.Pointer => left is null || right is null ? left is null && right is null : Same(left, right, type.Element!),
            GoKind.Struct => Names(left, right, type.Members.Keys)
                .All(n =>
                    Same(GoValue.Member(left, n), GoValue.Member(right, n), type.Members.GetValueOrDefault(n)?.Type ?? GoTypeTable.Opaque)
                ),
            GoKind.Map => Names(left, right, [])
                .All(n => Has(left, n) && Has(right, n) && Same(GoValue.Member(left, n), GoValue.Member(right, n), type.Element!)),
            GoKind.List => SameLists(left, right, type.Element!),
            GoKind.Quantity => GoValue.Amount(left).IsSameAmountAs(GoValue.Amount(right)),
            GoKind.Opaque => SameOpaque(left, right),
            _ => IsZero(left) && IsZero(right) || (left is { } a && right is { } b && JsonElement.DeepEquals(a, b)),
        };

    private static bool SameLists(JsonElement? left, JsonElement? right, GoType element)
    {
        // Enumerated in parallel: looking up an entry by index is linear.
        return Length(left) == Length(right)
            && (
                Length(left) == 0
                || left!.Value.EnumerateArray().Zip(right!.Value.EnumerateArray()).All(pair => Same(pair.First, pair.Second, element))
            );
    }

    // Lists are recognized by their JSON; an object may be behind a pointer, so an empty one counts.
    private static bool SameOpaque(JsonElement? left, JsonElement? right)
    {
        var kind = (left ?? right)?.ValueKind;
        return kind == JsonValueKind.Array && (left ?? right)?.ValueKind == (right ?? left)?.ValueKind
                ? SameLists(left, right, GoTypeTable.Opaque)
            : left is { ValueKind: JsonValueKind.Object } && right is { ValueKind: JsonValueKind.Object }
                ? Names(left, right, []).All(n => SameOpaque(GoValue.Member(left, n), GoValue.Member(right, n)))
            : left is { } a && right is { } b ? JsonElement.DeepEquals(a, b)
            : left is null && right is null;
    }

    private static bool IsZero(JsonElement? value) =>
        value switch
        {
            null or { ValueKind: JsonValueKind.False } => true,
            { ValueKind: JsonValueKind.String } text => text.ValueEquals(""),
            { ValueKind: JsonValueKind.Number } number => number.TryGetInt64(out var n) && n == 0,
            _ => false,
        };

    private static bool Has(JsonElement? map, string name) =>
        map is { ValueKind: JsonValueKind.Object } element && element.TryGetProperty(name, out _);

    private static int Length(JsonElement? list) => list is { ValueKind: JsonValueKind.Array } element ? element.GetArrayLength() : 0;

    private static IEnumerable<string> Names(JsonElement? left, JsonElement? right, IEnumerable<string> known) =>
        known.Concat(NamesOf(left)).Concat(NamesOf(right)).Distinct(StringComparer.Ordinal);

    private static IEnumerable<string> NamesOf(JsonElement? value) =>
        value is { ValueKind: JsonValueKind.Object } element ? element.EnumerateObject().Select(m => m.Name) : [];
}
