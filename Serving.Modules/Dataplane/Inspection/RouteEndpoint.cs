namespace Serving.Dataplane.Inspection;

/// <summary>An endpoint of a backend.</summary>
/// <param name="Address">Address and port.</param>
/// <param name="IsLocalActivator">Whether it is the activator in this process.</param>
/// <param name="InFlight">Requests of this gateway in flight.</param>
/// <param name="IsAvoided">Whether it failed recently, so that others are preferred.</param>
public sealed record RouteEndpoint(string Address, bool IsLocalActivator, int InFlight, bool IsAvoided);
