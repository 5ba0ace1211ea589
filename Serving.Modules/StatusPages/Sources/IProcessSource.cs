namespace Serving.StatusPages.Sources;

/// <summary>The process itself.</summary>
public interface IProcessSource
{
    /// <summary>Its state now.</summary>
    ProcessReading Read();
}

/// <summary>The state of the process.</summary>
/// <param name="Pod">The name of its pod, or of the process outside one.</param>
/// <param name="Namespace">The namespace of the control plane.</param>
/// <param name="Version">The version of the program.</param>
/// <param name="Started">When the process started.</param>
/// <param name="UsesLeases">Whether its leaders hold Leases.</param>
/// <param name="Leading">The modules that it leads, at least for one shard.</param>
/// <param name="Parts">Its parts and their health.</param>
public sealed record ProcessReading(
    string Pod,
    string Namespace,
    string Version,
    DateTimeOffset Started,
    bool UsesLeases,
    IReadOnlyList<string> Leading,
    IReadOnlyList<PartReading> Parts
);

/// <summary>The health of a part of the process.</summary>
/// <param name="Name">The part: <c>process</c>, <c>caches</c> or a module.</param>
/// <param name="NotReadyReason">Why it is not ready; null when it is.</param>
/// <param name="Remark">A note that does not affect readiness; null for none.</param>
/// <param name="StuckReason">Why it is stuck; null while it makes progress.</param>
public sealed record PartReading(string Name, string? NotReadyReason, string? Remark, string? StuckReason);
