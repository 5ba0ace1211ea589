using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Serving.Api.Schema;

/// <summary>Writes JSON as block-style YAML. A string that YAML could read as another type is quoted.</summary>
internal static partial class YamlText
{
    /// <summary>The document, with a trailing line break.</summary>
    public static string Of(JsonNode document)
    {
        var text = new StringBuilder();
        Write(text, document, 0, inList: false);
        return text.ToString();
    }

    private static void Write(StringBuilder text, JsonNode node, int indent, bool inList)
    {
        switch (node)
        {
            case JsonObject map:
                var first = inList;
                foreach (var (key, value) in map)
                {
                    text.Append(' ', first ? 0 : indent).Append(Scalar(key)).Append(':');
                    first = false;
                    WriteValue(text, value, indent + 2);
                }

                break;
            case JsonArray list:
                foreach (var item in list)
                {
                    text.Append(' ', indent).Append("- ");
                    if (item is JsonObject { Count: > 0 } entry)
                    {
                        Write(text, entry, indent + 2, inList: true);
                    }
                    else
                    {
                        text.Append(Inline(item)).Append('\n');
                    }
                }

                break;
            default:
                text.Append(Inline(node)).Append('\n');
                break;
        }
    }

    private static void WriteValue(StringBuilder text, JsonNode? value, int indent)
    {
        if (value is JsonObject { Count: > 0 } or JsonArray { Count: > 0 })
        {
            text.Append('\n');
            Write(text, value, indent, inList: false);
        }
        else
        {
            text.Append(' ').Append(Inline(value)).Append('\n');
        }
    }

    private static string Inline(JsonNode? value) =>
        value switch
        {
            null => "null",
            JsonObject => "{}",
            JsonArray => "[]",
            _ when value.GetValueKind() == JsonValueKind.String => Scalar(value.GetValue<string>()),
            _ => value.ToJsonString(),
        };

    private static string Scalar(string value)
    {
        if (PlainScalar().IsMatch(value) && !Reserved().IsMatch(value))
        {
            return value;
        }

        return value.Any(char.IsControl) || value.Contains('\'', StringComparison.Ordinal)
            ? "\""
                + value
                    .Replace("\\", "\\\\", StringComparison.Ordinal)
                    .Replace("\"", "\\\"", StringComparison.Ordinal)
                    .Replace("\n", "\\n", StringComparison.Ordinal)
                    .Replace("\t", "\\t", StringComparison.Ordinal)
                + "\""
            : $"'{value}'";
    }

    [GeneratedRegex(@"^[A-Za-z.][A-Za-z0-9_./-]*( [A-Za-z0-9_./(),;+='`<>-]+)*$", RegexOptions.CultureInvariant)]
    private static partial Regex PlainScalar();

    [GeneratedRegex(
        @"^(true|false|yes|no|on|off|null|y|n|\.inf|\.nan|\.[0-9].*)$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant
    )]
    private static partial Regex Reserved();
}
