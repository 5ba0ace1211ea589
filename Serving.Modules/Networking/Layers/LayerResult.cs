using Serving.Networking.Layers.Probing;

namespace Serving.Networking.Layers;

/// <summary>What became of an Ingress once the objects of its layer are as wanted.</summary>
public sealed record LayerResult
{
    /// <summary>What must route the Ingress before it is ready; empty when nothing can be probed.</summary>
    public IReadOnlyList<ProbeTarget> Targets { get; init; } = [];

    /// <summary>What the Ingress waits for besides probes, as a sentence; null for nothing.</summary>
    public string? Waiting { get; init; }
}
