using Serving.Api.Core;

namespace Serving.Autoscaler.ScaleDown;

/// <summary>A ready pod, and how busy it is.</summary>
/// <param name="Pod">The pod.</param>
/// <param name="InFlight">Its requests in flight; null when it did not respond, and then it counts as busier than all others.</param>
/// <param name="IsParked">Whether it has less than its full size, so that among equally busy pods it goes first.</param>
internal sealed record PodLoad(Pod Pod, int? InFlight, bool IsParked = false)
{
    /// <summary>The order of removal: the pod with the lowest rank goes first, and pods of the same rank are equally good.</summary>
    public (int InFlight, int Size) Rank => (InFlight ?? int.MaxValue, IsParked ? 0 : 1);
}
