using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Api;
using Serving.Api.Core;

namespace Serving.LocalCluster.Node.Resizing;

/// <summary>Compares resources, and reads what a change of them means for a container. Pure.</summary>
internal static class ResizePolicy
{
    /// <summary>Whether two containers have the same CPU and memory, however they are written.</summary>
    public static bool Same(ResourceRequirements? one, ResourceRequirements? other) =>
        !Changed(one, other, "cpu") && !Changed(one, other, "memory");

    /// <summary>Whether the container's policy asks for a restart to apply a change.</summary>
    public static bool NeedsRestart(Container container, ResourceRequirements? before, ResourceRequirements? after)
    {
        if (JsonSerializer.SerializeToNode(container, ApiJson.Default.Of<Container>())?["resizePolicy"] is not JsonArray policies)
        {
            return false;
        }

        return policies.Any(policy =>
            policy?["restartPolicy"]?.ToString() == "RestartContainer"
            && policy["resourceName"]?.ToString() is { } resource
            && Changed(before, after, resource)
        );
    }

    private static bool Changed(ResourceRequirements? one, ResourceRequirements? other, string resource) =>
        !Same(one?.Requests, other?.Requests, resource) || !Same(one?.Limits, other?.Limits, resource);

    private static bool Same(IReadOnlyDictionary<string, Quantity>? one, IReadOnlyDictionary<string, Quantity>? other, string resource)
    {
        var left = default(Quantity);
        var right = default(Quantity);
        var hasLeft = one?.TryGetValue(resource, out left) == true;
        var hasRight = other?.TryGetValue(resource, out right) == true;
        return hasLeft == hasRight && (!hasLeft || left.IsSameAmountAs(right));
    }
}
