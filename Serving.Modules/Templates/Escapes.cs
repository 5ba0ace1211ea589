using System.Globalization;
using System.Text;

namespace Serving.Templates;

/// <summary>Escaping as in Go's template functions of the same names.</summary>
internal static class Escapes
{
    /// <summary>Escapes for a JavaScript (or JSON) string.</summary>
    public static string Js(string text)
    {
        var output = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            switch (rune.Value)
            {
                case '\\':
                    output.Append(@"\\");
                    break;
                case '\'':
                    output.Append(@"\'");
                    break;
                case '"':
                    output.Append("\\\"");
                    break;
                case '<':
                    output.Append(@"\u003C");
                    break;
                case '>':
                    output.Append(@"\u003E");
                    break;
                case '&':
                    output.Append(@"\u0026");
                    break;
                case '=':
                    output.Append(@"\u003D");
                    break;
                case < ' ':
                    output.Append(@"\u").Append(rune.Value.ToString("X4", CultureInfo.InvariantCulture));
                    break;
                default:
                    if (rune.IsAscii || IsPrintable(rune))
                        output.Append(rune.ToString());
                    else
                        output.Append(@"\u").Append(rune.Value.ToString("X4", CultureInfo.InvariantCulture));
                    break;
            }
        }

        return output.ToString();
    }

    /// <summary>Escapes for HTML text and attributes.</summary>
    public static string Html(string text) =>
        text.Replace("&", "&amp;", StringComparison.Ordinal)
            .Replace("'", "&#39;", StringComparison.Ordinal)
            .Replace("\"", "&#34;", StringComparison.Ordinal)
            .Replace("<", "&lt;", StringComparison.Ordinal)
            .Replace(">", "&gt;", StringComparison.Ordinal)
            .Replace("\0", "\uFFFD", StringComparison.Ordinal);

    /// <summary>Escapes for a query string.</summary>
    public static string Query(string text) => Uri.EscapeDataString(text).Replace("%20", "+", StringComparison.Ordinal);

    /// <summary>Formats as a quoted Go string.</summary>
    public static string Quote(string text)
    {
        var output = new StringBuilder("\"");
        foreach (var rune in text.EnumerateRunes())
        {
            output.Append(
                rune.Value switch
                {
                    '"' => "\\\"",
                    '\\' => @"\\",
                    '\n' => @"\n",
                    '\r' => @"\r",
                    '\t' => @"\t",
                    _ when rune.Value < ' ' || rune.Value == 0x7f => @"\x" + rune.Value.ToString("x2", CultureInfo.InvariantCulture),
                    _ when IsPrintable(rune) => rune.ToString(),
                    _ => @"\u" + rune.Value.ToString("x4", CultureInfo.InvariantCulture),
                }
            );
        }

        return output.Append('"').ToString();
    }

    private static bool IsPrintable(Rune rune) =>
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
}
