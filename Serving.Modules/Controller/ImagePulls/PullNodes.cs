using System.Text.Json;
using Serving.Api.Core;

namespace Serving.Controller.ImagePulls;

/// <summary>Decides on which nodes an image is pulled: those that may run the revision and do not have it. Pure. Node affinity is left to
/// the kubelet, which rejects the pod of a pull as it would a pod of the revision.</summary>
internal static class PullNodes
{
    /// <summary>Whether the image should be pulled on a node.</summary>
    /// <param name="node">The node.</param>
    /// <param name="spec">The specification of the revision's pods.</param>
    /// <param name="image">The image's reference.</param>
    public static bool Wants(Node node, PodSpec spec, string image) =>
        node.Metadata.DeletionTimestamp is null
        && spec.NodeSelector.All(label => node.Metadata.Labels.GetValueOrDefault(label.Key) == label.Value)
        && !NodeTaint.IsCordoned(node)
        && NodeTaint.Of(node).All(taint => taint.IsToleratedBy(spec))
        && Items(Field(node, "status"), "conditions")
            .Any(static condition => Text(condition, "type") == "Ready" && Text(condition, "status") == "True")
        && !Items(Field(node, "status"), "images").Any(known => Items(known, "names").Any(name => IsSame(name.GetString() ?? "", image)));

    /// <summary>A digest names the same image in every registry and spelling.</summary>
    private static bool IsSame(string known, string image) =>
        known == image || (DigestOf(image) is { Length: > 0 } digest && DigestOf(known) == digest);

    private static string DigestOf(string reference) =>
        reference.IndexOf('@', StringComparison.Ordinal) is var at and >= 0 ? reference[(at + 1)..] : "";

    private static JsonElement? Field(Node node, string name) =>
        node.ExtensionData is { } fields && fields.TryGetValue(name, out var value) && value.ValueKind == JsonValueKind.Object
            ? value
            : null;

    private static IEnumerable<JsonElement> Items(JsonElement? map, string name) =>
        map is { ValueKind: JsonValueKind.Object } one && one.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array
            ? list.EnumerateArray()
            : [];

    private static string Text(JsonElement map, string name) =>
        map.ValueKind == JsonValueKind.Object && map.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : "";
}
