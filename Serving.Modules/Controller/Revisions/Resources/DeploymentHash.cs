using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Api.Core;

namespace Serving.Controller.Revisions.Resources;

/// <summary>
/// A short hash of a wanted Deployment: the same for equal contents, whatever the order of fields. It starts with a zero, which hashes of
/// other implementations, numbers without leading zeros, never do: so it also tells which implementation wrote the Deployment.
/// </summary>
internal static class DeploymentHash
{
    private const uint Offset = 2166136261;
    private const uint Prime = 16777619;
    private const string Digits = "0123456789abcdefghijklmnopqrstuvwxyz";
    private const string Ours = "0";

    /// <summary>Whether a Deployment's hash is one of ours.</summary>
    public static bool IsOurs(string hash) => hash.Length > Ours.Length && hash.StartsWith(Ours, StringComparison.Ordinal);

    public static string Of(Deployment deployment)
    {
        var document = JsonSerializer.SerializeToNode(
            new Deployment
            {
                Metadata = new ObjectMeta { Labels = deployment.Metadata.Labels, Annotations = deployment.Metadata.Annotations },
                Spec = deployment.Spec,
            },
            Serving.Api.Resources.Deployments.Json
        );
        var hash = Offset;
        foreach (var character in Sorted(document)!.ToJsonString())
        {
            hash = unchecked((hash ^ (byte)character) * Prime);
            hash = unchecked((hash ^ (byte)(character >> 8)) * Prime);
        }

        var text = "";
        do
        {
            text = Digits[(int)(hash % 36)] + text;
            hash /= 36;
        } while (hash > 0);
        return Ours + text;
    }

    private static JsonNode? Sorted(JsonNode? node) =>
        node switch
        {
            JsonObject value => new JsonObject(
                value.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => KeyValuePair.Create(pair.Key, Sorted(pair.Value)))
            ),
            JsonArray value => new JsonArray([.. value.Select(Sorted)]),
            _ => node?.DeepClone(),
        };
}
