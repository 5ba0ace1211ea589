namespace Serving.Dataplane.Inspection;

/// <summary>The route of a host on one kind of listener.</summary>
/// <param name="Pattern">The host name or wildcard that matches.</param>
/// <param name="Steps">The route that matches, and the ones that follow when a backend leads back to the gateway; empty when no route of the
/// host matches the path.</param>
/// <param name="Others">The other routes of the host, in the order in which they are tried.</param>
public sealed record ListenerExplanation(string Pattern, IReadOnlyList<RouteStep> Steps, IReadOnlyList<RouteRule> Others);
