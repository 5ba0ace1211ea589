namespace Serving.Controller.DomainMappings;

/// <summary>The target of a DomainMapping, or why there is none.</summary>
/// <param name="Host">The host name of the target.</param>
/// <param name="Backend">The Kubernetes Service behind that name.</param>
/// <param name="Problem">Why there is no target, for the condition; null when there is one.</param>
/// <param name="Failure">The same for an event.</param>
internal sealed record MappedTarget(string Host, string Backend, string? Problem = null, string? Failure = null)
{
    /// <summary>Whether a change of the target enqueues the mapping; otherwise it must be polled.</summary>
    public bool IsTracked { get; init; } = true;

    /// <summary>The reference does not resolve to an address.</summary>
    public static MappedTarget Unresolved(string problem) => new("", "", problem, "resolving reference: " + problem);

    /// <summary>There is an address, but a domain cannot be routed to it.</summary>
    public static MappedTarget Refused(string problem) => new("", "", problem, problem);
}
