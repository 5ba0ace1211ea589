namespace Serving.Networking.Gateway.Routing;

/// <summary>The state of an Ingress.</summary>
/// <param name="Hash">The version that is routed.</param>
/// <param name="Available">Whether each of its backends has an endpoint.</param>
/// <param name="Conflict">The host that belongs to an older Ingress, so that this one is rejected; null when it is routed.</param>
internal readonly record struct AppliedIngress(string Hash, bool Available, string? Conflict);
