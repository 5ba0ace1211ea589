using System.Globalization;
using System.Text;

namespace Serving.Api.Validation;

/// <summary>Formats values like Go's fmt package, because clients match on messages that contain them.</summary>
internal static class GoText
{
    /// <summary><c>%q</c> of a string.</summary>
    public static string Quote(string value)
    {
        var text = new StringBuilder("\"");
        foreach (var rune in value.EnumerateRunes())
        {
            _ = rune.Value switch
            {
                '"' => text.Append("\\\""),
                '\\' => text.Append("\\\\"),
                '\n' => text.Append("\\n"),
                '\r' => text.Append("\\r"),
                '\t' => text.Append("\\t"),
                7 => text.Append("\\a"),
                8 => text.Append("\\b"),
                11 => text.Append("\\v"),
                12 => text.Append("\\f"),
                < 0x20 or 0x7f => text.Append(CultureInfo.InvariantCulture, $"\\x{rune.Value:x2}"),
                _ when IsPrinted(rune) => text.Append(rune.ToString()),
                < 0x10000 => text.Append(CultureInfo.InvariantCulture, $"\\u{rune.Value:x4}"),
                _ => text.Append(CultureInfo.InvariantCulture, $"\\U{rune.Value:x8}"),
            };
        }

        return text.Append('"').ToString();
    }

    /// <summary><c>%v</c> of a list of strings.</summary>
    public static string List(IEnumerable<string> values) => $"[{string.Join(' ', values)}]";

    /// <summary><c>%v</c> of a floating-point number that is not huge or tiny.</summary>
    public static string Number(double value) =>
        double.IsPositiveInfinity(value) ? "+Inf"
        : double.IsNegativeInfinity(value) ? "-Inf"
        : Math.Abs(value) is >= 1e15 and < 1e21 ? value.ToString("F0", CultureInfo.InvariantCulture)
        : value.ToString("R", CultureInfo.InvariantCulture).Replace('E', 'e');

    // Letters, marks, numbers, punctuation, symbols, and the space.
    private static bool IsPrinted(Rune rune) =>
        rune.Value == ' '
        || Rune.GetUnicodeCategory(rune)
            is not (
                UnicodeCategory.Control
                or UnicodeCategory.Format
                or UnicodeCategory.Surrogate
                or UnicodeCategory.PrivateUse
                or UnicodeCategory.OtherNotAssigned
                or UnicodeCategory.SpaceSeparator
                or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator
            );

    /// <summary>The name of a boolean.</summary>
    public static string Bool(bool value) => value ? "true" : "false";
}
