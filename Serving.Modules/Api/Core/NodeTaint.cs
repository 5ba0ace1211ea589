using System.Text.Json;

namespace Serving.Api.Core;

/// <summary>A taint of a Node that keeps away the pods that do not tolerate it.</summary>
/// <param name="Key">Its key.</param>
/// <param name="Value">Its value; empty for none.</param>
/// <param name="Effect"><c>NoSchedule</c> or <c>NoExecute</c>.</param>
/// <remarks>Source: <see href="https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/"/>.</remarks>
public sealed record NodeTaint(string Key, string Value, string Effect)
{
    /// <summary>What a cordoned Node has.</summary>
    public static NodeTaint Cordon { get; } = new("node.kubernetes.io/unschedulable", "", "NoSchedule");

    /// <summary>Whether a Node is cordoned, which its <c>spec.unschedulable</c> says.</summary>
    public static bool IsCordoned(Node node) =>
        SpecOf(node) is { } spec && spec.TryGetProperty("unschedulable", out var cordoned) && cordoned.ValueKind == JsonValueKind.True;

    /// <summary>The taints of a Node that keep pods away; <c>PreferNoSchedule</c> does not.</summary>
    public static IEnumerable<NodeTaint> Of(Node node) =>
        SpecOf(node) is { } spec && spec.TryGetProperty("taints", out var taints) && taints.ValueKind == JsonValueKind.Array
            ? taints
                .EnumerateArray()
                .Select(static taint => new NodeTaint(Text(taint, "key"), Text(taint, "value"), Text(taint, "effect")))
                .Where(static taint => taint.Effect is "NoSchedule" or "NoExecute")
            : [];

    /// <summary>
    /// Whether a pod tolerates it. A toleration without an effect is for all effects, one with the operator <c>Exists</c> for all values,
    /// and with it and no key for all taints.
    /// </summary>
    public bool IsToleratedBy(PodSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        return spec.Tolerations.Any(toleration =>
            (Text(toleration, "effect") is "" || Text(toleration, "effect") == Effect)
            && (
                Text(toleration, "operator") == "Exists"
                    ? Text(toleration, "key") is "" || Text(toleration, "key") == Key
                    : Text(toleration, "key") == Key && Text(toleration, "value") == Value
            )
        );
    }

    private static JsonElement? SpecOf(Node node)
    {
        ArgumentNullException.ThrowIfNull(node);
        return node.ExtensionData is { } fields && fields.TryGetValue("spec", out var spec) && spec.ValueKind == JsonValueKind.Object
            ? spec
            : null;
    }

    private static string Text(JsonElement map, string name) =>
        map.ValueKind == JsonValueKind.Object && map.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : "";
}
