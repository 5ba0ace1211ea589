namespace Serving.Networking.Gateway.Readiness;

/// <summary>What the gateways report about one version of an Ingress.</summary>
/// <param name="Ready">Whether all of them route it to backends with endpoints.</param>
/// <param name="Conflict">The host that belongs to another Ingress; null for none.</param>
internal readonly record struct Verdict(bool Ready, string? Conflict = null);
