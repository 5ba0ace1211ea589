namespace Serving.Controller.DomainMappings;

/// <summary>What a DomainMapping leads to, or why it leads nowhere.</summary>
/// <param name="Host">The name by which the target knows itself.</param>
/// <param name="Backend">The Kubernetes Service behind that name.</param>
/// <param name="Problem">Why there is no target, as the condition says it; null when there is one.</param>
/// <param name="Failure">The same as an event says it.</param>
internal sealed record MappedTarget(string Host, string Backend, string? Problem = null, string? Failure = null)
{
    /// <summary>Whether a change of the target finds the mapping; else it must look again by itself.</summary>
    public bool IsTracked { get; init; } = true;

    /// <summary>The reference names nothing that has an address.</summary>
    public static MappedTarget Unresolved(string problem) => new("", "", problem, "resolving reference: " + problem);

    /// <summary>There is an address, but not one that a domain can lead to.</summary>
    public static MappedTarget Refused(string problem) => new("", "", problem, problem);
}
