using System.Text;
using System.Text.Json;
using Serving.Api.Validation;

namespace Serving.Api.GoTypes;

/// <summary>
/// Compares two documents by their Go type, counts equal and different parts, and reports each difference by its path of Go field names. A
/// pointer that is set on both sides is followed; the path then starts with a star.
/// </summary>
/// <param name="text">Receives the differences; null to count only.</param>
internal sealed class GoComparison(StringBuilder? text)
{
    private int _same;
    private int _different;

    /// <summary>The differences, in the notation of the reference's messages: <c>\t-: "old"</c> and <c>\t+: "new"</c>.</summary>
    public static string Differences(JsonElement old, JsonElement current, GoType type, string root)
    {
        var text = new StringBuilder();
        new GoComparison(text).Compare(new(old), new(current), type, root, star: "");
        return text.ToString();
    }

    private void Compare(Entry old, Entry current, GoType type, string path, string star)
    {
        if (!old.Exists || !current.Exists)
        {
            Report(isSame: false, old, current, type, path, star);
            return;
        }

        switch (type.Kind)
        {
            case GoKind.Struct:
                foreach (var field in type.Fields)
                {
                    Compare(
                        new(GoValue.Of(field, old.Value)),
                        new(GoValue.Of(field, current.Value)),
                        field.Type,
                        Step(path, field.Name),
                        ""
                    );
                }

                break;
            case GoKind.IntOrString:
                ComparePorts(old, current, path);
                break;
            case GoKind.Pointer or GoKind.List or GoKind.Map when old.Value is null || current.Value is null:
                Report(old.Value is null && current.Value is null, old, current, type, path, "");
                break;
            case GoKind.Pointer:
                Compare(old, current, type.Element!, path, "*");
                break;
            case GoKind.List:
                CompareLists(old.Value!.Value, current.Value!.Value, type.Element!, path);
                break;
            case GoKind.Map:
                CompareMaps(old.Value!.Value, current.Value!.Value, type.Element!, path);
                break;
            default:
                Report(GoEquality.Same(old.Value, current.Value, type), old, current, type, path, star);
                break;
        }
    }

    private void ComparePorts(Entry old, Entry current, string path)
    {
        var (was, now) = (GoPrinter.Port(old.Value), GoPrinter.Port(current.Value));
        Report(was.Kind == now.Kind, Step(path, "Type"), $"\"{was.Kind}\"", $"\"{now.Kind}\"");
        Report(was.Number == now.Number, Step(path, "IntVal"), $"\"{was.Number}\"", $"\"{now.Number}\"");
        Report(was.Text == now.Text, Step(path, "StrVal"), $"\"{was.Text}\"", $"\"{now.Text}\"");
    }

    private void CompareLists(JsonElement before, JsonElement after, GoType type, string path)
    {
        JsonElement[] old = [.. before.EnumerateArray()];
        JsonElement[] current = [.. after.EnumerateArray()];
        var pairs = EditScript.Pair(
            old.Length,
            current.Length,
            (i, j) =>
            {
                var count = new GoComparison(null);
                count.Compare(new(old[i]), new(current[j]), type, "", "");
                return (count._same, count._different);
            }
        );
        foreach (var (i, j) in pairs)
        {
            var index = i == j ? $"[{i}]" : $"[{(i < 0 ? "?" : i)}->{(j < 0 ? "?" : j)}]";
            Compare(i < 0 ? Entry.None : new(old[i]), j < 0 ? Entry.None : new(current[j]), type, path + index, "");
        }
    }

    private void CompareMaps(JsonElement old, JsonElement current, GoType type, string path)
    {
        foreach (
            var key in old.EnumerateObject()
                .Concat(current.EnumerateObject())
                .Select(m => m.Name)
                .Distinct(StringComparer.Ordinal)
                .Order(StringComparer.Ordinal)
        )
        {
            Compare(Entry.Of(old, key), Entry.Of(current, key), type, text is null ? "" : $"{path}[{GoText.Quote(key)}]", "");
        }
    }

    private void Report(bool isSame, Entry old, Entry current, GoType type, string path, string star)
    {
        if (isSame || text is null)
        {
            Report(isSame, path, null, null);
            return;
        }

        var prefix = type.Kind is GoKind.Struct or GoKind.Quantity or GoKind.IntOrString ? $"{type.Name}: " : "";
        Report(isSame: false, star + path, Line(old), Line(current));

        string? Line(Entry entry) => entry.Exists ? $"{prefix}\"{GoPrinter.Print(entry.Value, type)}\"" : null;
    }

    private void Report(bool isSame, string path, string? old, string? current)
    {
        if (isSame)
        {
            _same++;
            return;
        }

        _different++;
        text?.Append(path).Append(":\n").Append(old is null ? "" : $"\t-: {old}\n").Append(current is null ? "" : $"\t+: {current}\n");
    }

    private string Step(string path, string name) => text is null ? "" : $"{path}.{name}";

    // A part of a document: a value that is present in its list or map, possibly null, or none.
    private readonly record struct Entry(JsonElement? Value, bool Exists = true)
    {
        public static Entry None { get; } = new(null, Exists: false);

        public static Entry Of(JsonElement map, string key) => map.TryGetProperty(key, out _) ? new(GoValue.Member(map, key)) : None;
    }
}
