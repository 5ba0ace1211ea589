using System.Globalization;
using System.Text.Json;
using Serving.Api.Core;
using Serving.Api.Validation;

namespace Serving.Api.GoTypes;

/// <summary>
/// Formats documents like Go's <c>%+v</c>: <c>{Name:FOO Value:bar ValueFrom:nil}</c>, and behind a pointer like the String methods of
/// Kubernetes' types: <c>&amp;Probe{PeriodSeconds:3,}</c>. Where Go would print an address, the value is printed.
/// </summary>
internal static class GoPrinter
{
    private const string Nil = "<nil>";

    /// <summary>The value in the format of <c>%+v</c>; null is a missing value.</summary>
    public static string Print(JsonElement? value, GoType type) =>
        type.Kind switch
        {
            GoKind.Pointer => Pointer(value, type.Element!),
            GoKind.Struct => $"{{{string.Join(' ', type.Fields.Select(f => $"{f.Name}:{Print(GoValue.Of(f, value), f.Type)}"))}}}",
            GoKind.List => $"[{string.Join(' ', Entries(value).Select(e => Print(e, type.Element!)))}]",
            GoKind.Map => $"map[{string.Join(' ', Members(value).Select(m => $"{m.Name}:{Print(m.Value, type.Element!)}"))}]",
            GoKind.Quantity => Amount(value, named: true),
            GoKind.IntOrString => Port(value) is var (kind, number, name) ? $"{{Type:{kind} IntVal:{number} StrVal:{name}}}" : "",
            _ => Scalar(value, type),
        };

    /// <summary>The fields of Go's IntOrString.</summary>
    public static (int Kind, string Number, string Text) Port(JsonElement? value) =>
        value is { ValueKind: JsonValueKind.String } text ? (1, "0", text.GetString()!) : (0, value?.GetRawText() ?? "0", "");

    private static string Pointer(JsonElement? value, GoType type) =>
        type.Kind switch
        {
            GoKind.Struct => value is null ? "nil" : $"&{Itself(value, type)}",
            GoKind.Opaque => value?.GetRawText() ?? "nil",
            GoKind.Quantity => value is null ? Nil : GoValue.Amount(value).ToCanonical().Text,
            _ => value is null ? Nil : Scalar(value, type),
        };

    // The format of the String methods that are generated for protocol buffers.
    private static string Itself(JsonElement? value, GoType type) =>
        $"{Short(type)}{{{string.Concat(type.ProtocolOrder.Select(f => $"{f.Name}:{Part(GoValue.Of(f, value), f)},"))}}}";

    private static string Part(JsonElement? value, GoField field)
    {
        var type = field.Type;
        return type.Kind switch
        {
            GoKind.Struct => Itself(value, type),
            GoKind.Pointer when type.Element!.Kind is GoKind.Struct or GoKind.Opaque or GoKind.Quantity => Pointer(value, type.Element),
            GoKind.Pointer => value is null ? "nil" : $"*{Scalar(value, type.Element!)}",
            GoKind.List when type.Element!.Kind == GoKind.Struct =>
                $"[]{Short(type.Element)}{{{string.Concat(Entries(value).Select(e => $"{Itself(e, type.Element)},"))}}}",
            GoKind.Map => $"{(type.Element!.Kind == GoKind.Quantity ? "ResourceList" : "map[string]string")}"
                + $"{{{string.Concat(Members(value).Select(m => $"{m.Name}: {Unnamed(m.Value, type.Element)},"))}}}",
            GoKind.List => Print(value, type),
            _ => Unnamed(value, type),
        };
    }

    // The format of %v: without field names.
    private static string Unnamed(JsonElement? value, GoType type) =>
        type.Kind switch
        {
            GoKind.Quantity => Amount(value, named: false),
            GoKind.IntOrString => Port(value) is var (kind, number, name) ? $"{{{kind} {number} {name}}}" : "",
            _ => Scalar(value, type),
        };

    private static string Amount(JsonElement? value, bool named)
    {
        QuantityNumber number = default;
        var isSet = value is not null && QuantityNumber.Read(GoValue.Amount(value).Text, out number) is null;
        string small = isSet && number.IsSmall ? number.Value.ToString(CultureInfo.InvariantCulture) : "0";
        var scale = isSet && number.IsSmall ? number.Scale : 0;
        var large = isSet && !number.IsSmall ? number.Canonical : Nil;
        var format = isSet ? number.Format.ToString() : "";
        return named
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"{{i:{{value:{small} scale:{scale}}} d:{{Dec:{large}}} s:{number.Kept} Format:{format}}}"
            )
            : string.Create(CultureInfo.InvariantCulture, $"{{{{{small} {scale}}} {{{large}}} {number.Kept} {format}}}");
    }

    private static string Scalar(JsonElement? value, GoType type) =>
        (value, type.Kind) switch
        {
            (null, GoKind.String) => "",
            (null, GoKind.Bool) => "false",
            (null, GoKind.Int32 or GoKind.Int64) => "0",
            (null, GoKind.Time) => "0001-01-01 00:00:00 +0000 UTC",
            (null, _) => Nil,
            ({ ValueKind: JsonValueKind.String } text, GoKind.Time)
                when DateTimeOffset.TryParse(
                    text.GetString(),
                    CultureInfo.InvariantCulture,
                    DateTimeStyles.AssumeUniversal,
                    out var time
                ) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss '+0000 UTC'", CultureInfo.InvariantCulture),
            ({ ValueKind: JsonValueKind.String } text, _) => text.GetString()!,
            ({ ValueKind: JsonValueKind.True or JsonValueKind.False } flag, _) => GoText.Bool(flag.GetBoolean()),
            ({ } other, _) => other.GetRawText(),
        };

    private static string Short(GoType type) =>
        type.Name is "v1.LabelSelector" ? type.Name : type.Name[(type.Name.IndexOf('.', StringComparison.Ordinal) + 1)..];

    private static IEnumerable<JsonElement> Entries(JsonElement? value) =>
        value is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray() : [];

    private static IEnumerable<JsonProperty> Members(JsonElement? value) =>
        value is { ValueKind: JsonValueKind.Object } map ? map.EnumerateObject().OrderBy(m => m.Name, StringComparer.Ordinal) : [];
}
