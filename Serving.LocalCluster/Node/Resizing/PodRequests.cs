using Serving.Api.Core;
using Serving.LocalCluster.Node.Pods;

namespace Serving.LocalCluster.Node.Resizing;

/// <summary>What a pod requests of its node.</summary>
/// <param name="Cpu">In thousandths of a core, rounded up.</param>
/// <param name="Memory">In bytes, rounded up.</param>
internal readonly record struct PodRequests(long Cpu, long Memory)
{
    /// <summary>The sum over containers and restartable init containers, or what an init container needs beside those started before it
    /// when that is more.</summary>
    public static PodRequests Of(PodSpec spec) => new(Sum(spec, "cpu", 1000), Sum(spec, "memory", 1));

    private static long Sum(PodSpec spec, string resource, int unit)
    {
        var (sidecars, most) = (0L, 0L);
        foreach (var init in spec.InitContainers)
        {
            var request = Request(init);
            if (PodStatusMaker.IsSidecar(init))
            {
                sidecars += request;
                request = 0;
            }

            most = Math.Max(most, sidecars + request);
        }

        return Math.Max(most, sidecars + spec.Containers.Sum(Request));

        long Request(Container container) =>
            container.Resources?.Requests?.TryGetValue(resource, out var request) == true
                ? (long)decimal.Ceiling(ResourceAmount.Of(request) * unit)
            : container.Resources?.Limits?.TryGetValue(resource, out var limit) == true
                ? (long)decimal.Ceiling(ResourceAmount.Of(limit) * unit)
            : 0;
    }
}
