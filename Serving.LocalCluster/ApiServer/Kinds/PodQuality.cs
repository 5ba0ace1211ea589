using System.Text.Json.Nodes;
using Serving.Api.Core;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Kinds;

/// <summary>A pod's quality-of-service class.</summary>
internal static class PodQuality
{
    private static readonly string[] Resources = ["cpu", "memory"];

    /// <summary>Guaranteed, Burstable or BestEffort, by the CPU and memory of the containers; amounts of zero do not count.</summary>
    public static string Of(JsonObject? spec)
    {
        var containers = (spec.Array("containers") ?? []).Concat(spec.Array("initContainers") ?? []).ToList();
        if (containers.All(c => Resources.All(r => Amount(c, "requests", r) is null && Amount(c, "limits", r) is null)))
            return "BestEffort";
        return containers.All(c =>
            Resources.All(r =>
                Amount(c, "limits", r) is { } limit && (Amount(c, "requests", r) is not { } asked || limit.IsSameAmountAs(asked))
            )
        )
            ? "Guaranteed"
            : "Burstable";
    }

    private static Quantity? Amount(JsonNode? container, string list, string resource) =>
        container.At("resources", list, resource) is { } amount
        && new Quantity(amount.ToString()) is var quantity
        && !quantity.IsSameAmountAs("0")
            ? quantity
            : (Quantity?)null;
}
