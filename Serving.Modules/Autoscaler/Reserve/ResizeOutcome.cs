using Serving.Api.Core;

namespace Serving.Autoscaler.Reserve;

/// <summary>The server's response to a resize.</summary>
/// <param name="Pod">The resized pod; null when it was refused or the pod does not exist any more.</param>
/// <param name="Refusal">Why it was refused; null when it was not.</param>
/// <param name="WasDone">Whether the pod had the size already, and only the cache was old.</param>
internal readonly record struct ResizeOutcome(Pod? Pod, string? Refusal, bool WasDone = false)
{
    /// <summary>The pod does not exist any more.</summary>
    public static ResizeOutcome Gone { get; }
}
