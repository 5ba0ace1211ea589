using Serving.Autoscaler;
using Serving.Host.Composition;
using Serving.StatusPages.Sources;

namespace Serving.Host.StatusPages;

/// <summary>Explains scales by the autoscaler of this process, or names the replica that decides.</summary>
/// <param name="autoscaler">The autoscaler.</param>
/// <param name="election">The Leases.</param>
/// <param name="holder">The holder of a Lease, by its name; null while nobody holds it.</param>
internal sealed class ScalingSource(AutoscalerModule autoscaler, Election election, Func<string, string?> holder) : IScalingSource
{
    public ScalingReading Read(string ns, string revision)
    {
        var lease = election.IsHeld ? election.LeaseNames(autoscaler.Name, autoscaler.ShardOf(ns, revision))[0] : null;
        return autoscaler.Decides(ns, revision)
            ? new ScalingReading(true, null, lease, autoscaler.Explain(ns, revision))
            : new ScalingReading(false, lease is null ? null : PodOf(holder(lease)), lease, null);
    }

    /// <summary>The pod in an identity, which is <c>pod_address</c>.</summary>
    private static string? PodOf(string? identity)
    {
        if (string.IsNullOrEmpty(identity))
        {
            return null;
        }

        var end = identity.LastIndexOf('_');
        return end < 0 ? identity : identity[..end];
    }
}
