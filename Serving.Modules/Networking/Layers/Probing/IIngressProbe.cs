namespace Serving.Networking.Layers.Probing;

/// <summary>Sends probes.</summary>
public interface IIngressProbe
{
    /// <summary>Whether the pod routes this version of the Ingress. Never throws because of the pod.</summary>
    Task<ProbeResult> SendAsync(ProbeTarget target, string hash, CancellationToken cancellation);
}

/// <summary>What a probe found.</summary>
/// <param name="IsReady">Whether the pod routes the version, or cannot be asked for it.</param>
/// <param name="Reason">Why it does not, or why it cannot be asked; empty when it confirmed the version.</param>
public readonly record struct ProbeResult(bool IsReady, string Reason = "");
