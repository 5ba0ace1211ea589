using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Serving.Tests.Networking.GatewayApi;

/// <summary>Writes JSON as YAML in block style, for files that people review.</summary>
internal static class YamlWriter
{
    public static string Write(JsonNode document)
    {
        var text = new StringBuilder();
        Write(text, document, "");
        return text.ToString();
    }

    private static void Write(StringBuilder text, JsonNode node, string indent)
    {
        switch (node)
        {
            case JsonObject map:
                foreach (var (name, value) in map)
                {
                    text.Append(indent).Append(Plain(name)).Append(':');
                    WriteValue(text, value, indent, inList: false);
                }

                break;
            case JsonArray list:
                foreach (var item in list)
                {
                    text.Append(indent).Append('-');
                    WriteValue(text, item, indent, inList: true);
                }

                break;
        }
    }

    private static void WriteValue(StringBuilder text, JsonNode? value, string indent, bool inList)
    {
        switch (value)
        {
            case JsonObject { Count: > 0 } when inList:
                var inner = new StringBuilder();
                Write(inner, value, indent + "  ");
                text.Append(' ').Append(inner.ToString().AsSpan(indent.Length + 2));
                break;
            case JsonObject { Count: > 0 }:
                text.Append('\n');
                Write(text, value, indent + "  ");
                break;
            case JsonArray { Count: > 0 }:
                text.Append('\n');
                Write(text, value, indent);
                break;
            default:
                text.Append(' ').Append(Scalar(value)).Append('\n');
                break;
        }
    }

    private static string Scalar(JsonNode? value) =>
        value switch
        {
            null => "null",
            JsonObject => "{}",
            JsonArray => "[]",
            _ when value.GetValueKind() == JsonValueKind.String => Plain(value.GetValue<string>()),
            _ => value.ToJsonString(),
        };

    /// <summary>Plain where the text cannot be taken for anything else.</summary>
    private static string Plain(string text) =>
        text.Length > 0
        && (char.IsAsciiLetter(text[0]) || text[0] == '/')
        && text.All(static c => char.IsAsciiLetterOrDigit(c) || "-._/+".Contains(c))
        && text is not ("true" or "false" or "null" or "yes" or "no" or "on" or "off" or "True" or "False")
            ? text
            : JsonSerializer.Serialize(text);
}
