using System.Globalization;
using System.Text;
using System.Text.Json;
using Serving.Api.Core;

namespace Serving.Api.Validation;

/// <summary>
/// Tells the fields in which two documents differ, each with its old and new value, in the notation of the reference's
/// messages: paths by Go field names, <c>\t-: "old"</c> and <c>\t+: "new"</c>.
/// </summary>
internal static class ShortDiff
{
    // JSON names whose Go names are not just capitalised.
    private static readonly Dictionary<string, string> GoNames = new(StringComparer.Ordinal)
    {
        ["metadata"] = "ObjectMeta",
        ["hostIP"] = "HostIP",
        ["httpGet"] = "HTTPGet",
        ["tcpSocket"] = "TCPSocket",
        ["grpc"] = "GRPC",
        ["uid"] = "UID",
        ["url"] = "URL",
        ["httpHeaders"] = "HTTPHeaders",
        ["dnsPolicy"] = "DNSPolicy",
        ["dnsConfig"] = "DNSConfig",
        ["tty"] = "TTY",
        ["csi"] = "CSI",
        ["logUrl"] = "LogURL",
        ["apiVersion"] = "APIVersion",
        ["workingDir"] = "WorkingDir",
    };

    private static readonly HashSet<string> KnativeFields =
        new(StringComparer.Ordinal) { "containerConcurrency", "timeoutSeconds", "responseStartTimeoutSeconds", "idleTimeoutSeconds" };

    private static readonly HashSet<string> Handlers = new(StringComparer.Ordinal) { "httpGet", "tcpSocket", "exec", "grpc" };
    private static readonly HashSet<string> Maps = new(StringComparer.Ordinal) { "labels", "annotations", "requests", "limits", "nodeSelector" };
    private static readonly HashSet<string> Amounts = new(StringComparer.Ordinal) { "requests", "limits" };

    private static readonly HashSet<string> PlainFlags = new(StringComparer.Ordinal) { "hostNetwork", "hostPID", "hostIPC", "stdin", "stdinOnce", "tty", "readOnly" };

    // Numbers that are pointers in Go, so that leaving them out is not the same as 0.
    private static readonly HashSet<string> NumberPointers = new(StringComparer.Ordinal)
    {
        "runAsUser", "runAsGroup", "mode", "defaultMode", "expirationSeconds", "terminationGracePeriodSeconds", "activeDeadlineSeconds", "priority",
    };

    /// <summary>The differences of two revision specifications, empty when there are none.</summary>
    public static string OfSpec(JsonElement old, JsonElement current) => Of("{v1.RevisionSpec}", old, current, isSpec: true);

    /// <summary>The differences of two templates, empty when there are none.</summary>
    public static string OfTemplate(JsonElement old, JsonElement current) => Of("{*v1.RevisionTemplateSpec}", old, current, isSpec: false);

    private static string Of(string root, JsonElement old, JsonElement current, bool isSpec)
    {
        var text = new StringBuilder();
        Compare(text, root, old, current, isSpec ? "spec" : "", "");
        return text.ToString();
    }

    private static void Compare(StringBuilder text, string path, JsonElement? old, JsonElement? current, string name, string parent)
    {
        if (old is { } a && current is { } b && a.ValueKind == b.ValueKind)
        {
            switch (a.ValueKind)
            {
                case JsonValueKind.Object:
                    foreach (var key in a.EnumerateObject().Concat(b.EnumerateObject()).Select(p => p.Name).Distinct(StringComparer.Ordinal))
                    {
                        Compare(text, Step(path, key, name), Member(a, key), Member(b, key), key, name);
                    }

                    return;
                case JsonValueKind.Array:
                    for (var i = 0; i < Math.Max(a.GetArrayLength(), b.GetArrayLength()); i++)
                    {
                        Compare(text, string.Create(CultureInfo.InvariantCulture, $"{path}[{i}]"), Item(a, i), Item(b, i), "", name);
                    }

                    return;
                default:
                    if (JsonElement.DeepEquals(a, b) || (Amounts.Contains(parent) && new Quantity(a.ToString()).IsSameAmountAs(b.ToString())))
                    {
                        return;
                    }

                    break;
            }
        }

        if ((old is null && SaysNothing(name, current)) || (current is null && SaysNothing(name, old)))
        {
            return;
        }

        // What may be absent is a pointer in Go: the path shows it where both are there, and a missing one is named.
        var isInMapOrList = name.Length == 0 || Maps.Contains(parent);
        var absent = isInMapOrList ? null : Absent(name, old ?? current);
        text.Append(KnativeFields.Contains(name) && old is not null && current is not null ? "*" : "").Append(path).Append(":\n");
        Line(text, '-', old, name, parent, absent);
        Line(text, '+', current, name, parent, absent);
    }

    // How Go prints a field that is not there: the zero of its type.
    private static string Absent(string name, JsonElement? other) => other switch
    {
        { ValueKind: JsonValueKind.String } => "",
        { ValueKind: JsonValueKind.Number } when !KnativeFields.Contains(name) && !NumberPointers.Contains(name) => "0",
        { ValueKind: JsonValueKind.True or JsonValueKind.False } when PlainFlags.Contains(name) => "false",
        { ValueKind: JsonValueKind.Array } => "[]",
        _ => Maps.Contains(name) ? "map[]" : "<nil>",
    };

    // Fields that are always there in Go, so that leaving them out is no difference.
    private static bool SaysNothing(string name, JsonElement? value) => name switch
    {
        "resources" => value is { ValueKind: JsonValueKind.Object } resources && !resources.EnumerateObject().Any(),
        _ when PlainFlags.Contains(name) => value is { ValueKind: JsonValueKind.False },
        "" => false,
        _ => value is { ValueKind: JsonValueKind.Number } number && number.GetRawText() == "0" && !KnativeFields.Contains(name) && !NumberPointers.Contains(name),
    };

    private static void Line(StringBuilder text, char sign, JsonElement? value, string name, string parent, string? absent)
    {
        if ((value is { } element ? Print(element, name, parent) : absent is null ? null : $"\"{absent}\"") is { } printed)
        {
            text.Append('\t').Append(sign).Append(": ").Append(printed).Append('\n');
        }
    }

    private static string Print(JsonElement value, string name, string parent) => value.ValueKind switch
    {
        JsonValueKind.Object when Maps.Contains(name) && !Amounts.Contains(name)
            => $"\"map[{string.Join(' ', value.EnumerateObject().OrderBy(m => m.Name, StringComparer.Ordinal).Select(m => $"{m.Name}:{m.Value}"))}]\"",
        JsonValueKind.Array when value.EnumerateArray().All(item => item.ValueKind is JsonValueKind.String)
            => $"\"[{string.Join(' ', value.EnumerateArray())}]\"",
        _ when Amounts.Contains(parent) && GoQuantity(value.ToString()) is { } quantity => $"resource.Quantity: \"{quantity}\"",
        _ => $"\"{value}\"",
    };

    // The inside of Go's type, which its notation shows; null for amounts that are not whole numbers of a unit.
    private static string? GoQuantity(string text)
    {
        var end = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        var suffix = end < 0 ? "" : text[end..];
        if (!long.TryParse(end < 0 ? text : text.AsSpan(0, end), NumberStyles.None, CultureInfo.InvariantCulture, out var value))
        {
            return null;
        }

        var bits = suffix switch { "Ki" => 10, "Mi" => 20, "Gi" => 30, "Ti" => 40, "Pi" => 50, "Ei" => 60, _ => 0 };
        if (bits > 0)
        {
            return value > long.MaxValue >> bits ? null : Inside(value << bits, 0, "BinarySI");
        }

        return suffix is "n" or "u" or "m" or "" or "k" or "M" or "G" or "T" or "P" or "E"
            ? Inside(value, suffix switch { "n" => -9, "u" => -6, "m" => -3, "" => 0, "k" => 3, "M" => 6, "G" => 9, "T" => 12, "P" => 15, _ => 18 }, "DecimalSI")
            : null;

        string Inside(long amount, int scale, string format)
            => string.Create(CultureInfo.InvariantCulture, $"{{i:{{value:{amount} scale:{scale}}} d:{{Dec:<nil>}} s:{text} Format:{format}}}");
    }

    private static string Step(string path, string key, string parent)
    {
        if (Maps.Contains(parent))
        {
            return $"{path}[{GoText.Quote(key)}]";
        }

        var inlined = parent == "spec" && !KnativeFields.Contains(key) ? ".PodSpec"
            : parent.EndsWith("Probe", StringComparison.Ordinal) && Handlers.Contains(key) ? ".ProbeHandler" : "";
        return $"{path}{inlined}.{(GoNames.TryGetValue(key, out var go) ? go : char.ToUpperInvariant(key[0]) + key[1..])}";
    }

    private static JsonElement? Member(JsonElement value, string key) => value.TryGetProperty(key, out var member) ? member : null;

    private static JsonElement? Item(JsonElement value, int index) => index < value.GetArrayLength() ? value[index] : null;
}
