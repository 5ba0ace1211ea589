using Serving.Networking.Layers.Probing;

namespace Serving.Networking.Layers;

/// <summary>What became of an Ingress once the objects of its layer are as wanted.</summary>
public sealed record LayerResult
{
    /// <summary>What must route the Ingress before it is ready; empty when nothing can be probed.</summary>
    public IReadOnlyList<ProbeTarget> Targets { get; init; } = [];

    /// <summary>What the Ingress waits for besides probes, as a sentence; null for nothing.</summary>
    public string? Waiting { get; init; }

    /// <summary>Why the data plane cannot serve the Ingress until somebody changes something; null when it can.</summary>
    public LayerFailure? Failure { get; init; }
}

/// <summary>Why a data plane cannot serve an Ingress.</summary>
/// <param name="Reason">The reason of the condition.</param>
/// <param name="Message">Names the object and what to do.</param>
public sealed record LayerFailure(string Reason, string Message);
