using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Kinds;

/// <summary>A pod's quality-of-service class.</summary>
internal static class PodQuality
{
    public static string Of(JsonObject? spec)
    {
        var containers = (spec.Array("containers") ?? []).Concat(spec.Array("initContainers") ?? []).ToList();
        var resources = (string[])["cpu", "memory"];
        if (
            containers.All(c =>
                !resources.Any(r => c.At("resources", "requests", r) is not null || c.At("resources", "limits", r) is not null)
            )
        )
            return "BestEffort";
        return containers.All(c =>
            resources.All(r =>
                c.At("resources", "limits", r) is { } limit
                && (c.At("resources", "requests", r) is not { } asked || JsonNode.DeepEquals(limit, asked))
            )
        )
            ? "Guaranteed"
            : "Burstable";
    }
}
