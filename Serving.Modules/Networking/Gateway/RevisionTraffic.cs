namespace Serving.Networking.Gateway;

/// <summary>What the gateway counted of one backend: a Revision, or a Service when the split names no Revision.</summary>
/// <param name="Namespace">The namespace.</param>
/// <param name="Revision">The Revision's name, else the Service's.</param>
/// <param name="Requests">Requests answered since the start.</param>
/// <param name="Errors">Of these, those answered with 5xx.</param>
/// <param name="InFlight">Requests on the way now.</param>
/// <param name="LastLatency">How long the last answered request took from its head to the end of its answer.</param>
public readonly record struct RevisionTraffic(string Namespace, string Revision, long Requests, long Errors, int InFlight, TimeSpan LastLatency);
