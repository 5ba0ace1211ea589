using Serving.Api.Core;

namespace Serving.LocalCluster.Node.Limits;

/// <summary>The limits of a container, as numbers.</summary>
/// <param name="Cpu">In cores; null for no limit.</param>
/// <param name="Memory">In bytes; null for no limit.</param>
internal readonly record struct ContainerLimits(decimal? Cpu, long? Memory)
{
    /// <summary>Reads the limits of a container; a limit of zero is no limit, as for a kubelet.</summary>
    public static ContainerLimits Of(ResourceRequirements? resources) =>
        new(Limit(resources, "cpu"), Limit(resources, "memory") is { } bytes ? (long)Math.Min(bytes, long.MaxValue) : null);

    private static decimal? Limit(ResourceRequirements? resources, string name) =>
        resources?.Limits?.TryGetValue(name, out var quantity) == true && ResourceAmount.Of(quantity) is > 0 and var amount ? amount : null;
}
