using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Serving.LocalCluster.ApiServer.Tables;

/// <summary>The subset of JSONPath for printer columns: names, indexes, wildcards and filters that compare a field with a string or a
/// number.</summary>
internal sealed class JsonPath
{
    private readonly List<Func<JsonNode?, IEnumerable<JsonNode?>>> _steps = [];

    /// <summary>Parses a path such as <c>.status.conditions[?(@.type=='Ready')].status</c>; an unsupported path matches nothing.</summary>
    public static JsonPath Parse(string text)
    {
        var path = new JsonPath();
        var i = 0;
        while (i < text.Length)
        {
            if (text[i] == '.')
            {
                i++;
            }
            else if (text[i] == '[')
            {
                var end = ClosingBracket(text, i);
                path._steps.Add(Bracket(text[(i + 1)..end].Trim()));
                i = end + 1;
            }
            else
            {
                var start = i;
                var name = new System.Text.StringBuilder();
                while (i < text.Length && text[i] is not ('.' or '['))
                {
                    if (text[i] == '\\' && i + 1 < text.Length)
                        i++;
                    name.Append(text[i++]);
                }

                path._steps.Add(Field(name.ToString()));
                if (i == start)
                    break;
            }
        }

        return path;
    }

    /// <summary>The values at the path.</summary>
    public List<JsonNode?> Find(JsonNode document)
    {
        IEnumerable<JsonNode?> found = [document];
        foreach (var step in _steps)
            found = found.SelectMany(step);
        return [.. found];
    }

    private static int ClosingBracket(string text, int open)
    {
        char? quote = null;
        for (var i = open + 1; i < text.Length; i++)
        {
            if (quote is not null)
                quote = text[i] == quote ? null : quote;
            else if (text[i] is '\'' or '"')
                quote = text[i];
            else if (text[i] == ']')
                return i;
        }

        return text.Length - 1;
    }

    private static Func<JsonNode?, IEnumerable<JsonNode?>> Field(string name)
    {
        if (name == "*")
            return All;
        return node => node is JsonObject map && map.TryGetPropertyValue(name, out var value) ? [value] : [];
    }

    private static Func<JsonNode?, IEnumerable<JsonNode?>> Bracket(string inside)
    {
        if (inside == "*")
            return All;
        if (inside.StartsWith("?(", StringComparison.Ordinal))
            return Filter(inside[2..^1].Trim());
        if (inside.Length > 1 && inside[0] is '\'' or '"')
            return Field(Unescaped(inside[1..^1]));
        if (int.TryParse(inside, CultureInfo.InvariantCulture, out var index))
            return node =>
                node is JsonArray list && (index < 0 ? index + list.Count : index) is var at && at >= 0 && at < list.Count
                    ? [list[at]]
                    : [];
        return static _ => [];
    }

    // A dot in a quoted name may be escaped, as for labels in printer columns.
    private static string Unescaped(string text)
    {
        var name = new System.Text.StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
            name.Append(text[i] == '\\' && i + 1 < text.Length ? text[++i] : text[i]);
        return name.ToString();
    }

    private static IEnumerable<JsonNode?> All(JsonNode? node) =>
        node switch
        {
            JsonArray list => list,
            JsonObject map => map.Select(p => p.Value),
            _ => [],
        };

    private static Func<JsonNode?, IEnumerable<JsonNode?>> Filter(string condition)
    {
        foreach (var sign in (string[])["==", "!="])
        {
            var at = condition.IndexOf(sign, StringComparison.Ordinal);
            if (at < 0)
                continue;
            var path = Parse(condition[..at].Trim().TrimStart('@'));
            var wanted = condition[(at + 2)..].Trim().Trim('\'', '"');
            return node => All(node).Where(item => item is not null && path.Find(item).Any(f => Text(f) == wanted) == (sign == "=="));
        }

        var exists = Parse(condition.TrimStart('@'));
        return node => All(node).Where(item => item is not null && exists.Find(item).Count > 0);
    }

    private static string Text(JsonNode? node) =>
        node is null ? ""
        : node.GetValueKind() == JsonValueKind.String ? node.GetValue<string>()
        : node.ToJsonString();
}
