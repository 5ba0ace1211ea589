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

        // A number or flag that may be absent is a pointer in Go, which its path notation shows.
        text.Append(KnativeFields.Contains(name) ? "*" : "").Append(path).Append(":\n");
        Line(text, '-', old);
        Line(text, '+', current);
    }

    // Fields that are always there in Go, so that leaving them out is no difference.
    private static bool SaysNothing(string name, JsonElement? value) => name switch
    {
        "resources" => value is { ValueKind: JsonValueKind.Object } resources && !resources.EnumerateObject().Any(),
        "port" => value is { ValueKind: JsonValueKind.Number } port && port.GetRawText() == "0",
        _ => false,
    };

    private static void Line(StringBuilder text, char sign, JsonElement? value)
    {
        if (value is { } element)
        {
            text.Append('\t').Append(sign).Append(": \"").Append(element.ToString()).Append("\"\n");
        }
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
