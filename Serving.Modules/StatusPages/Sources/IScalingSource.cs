using Serving.Dataplane.Inspection;

namespace Serving.StatusPages.Sources;

/// <summary>Explains the scale of revisions.</summary>
public interface IScalingSource
{
    /// <summary>Who decides the scale of a revision, and why it has that scale when this process does.</summary>
    ScalingReading Read(string ns, string revision);
}

/// <summary>Who decides the scale of a revision, and why.</summary>
/// <param name="DecidesHere">Whether this process does.</param>
/// <param name="Leader">The replica that does, by the holder of the Lease; null while nobody is known to.</param>
/// <param name="Lease">The Lease of the revision's shard; null in a process without Leases.</param>
/// <param name="Explanation">Why; null when another process decides, or while the revision has no decider.</param>
public sealed record ScalingReading(bool DecidesHere, string? Leader, string? Lease, ScalingExplanation? Explanation);
