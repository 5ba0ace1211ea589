namespace Serving.Networking.Gateway;

/// <summary>The traffic counters of one backend: a Revision, or a Service if the split names no Revision.</summary>
/// <param name="Namespace">The namespace.</param>
/// <param name="Revision">The name of the Revision, otherwise of the Service.</param>
/// <param name="Requests">Completed requests since the start.</param>
/// <param name="Errors">Those with a 5xx response.</param>
/// <param name="InFlight">Requests in flight.</param>
/// <param name="LastLatency">Duration of the last completed request, from its head to the end of the response.</param>
public readonly record struct RevisionTraffic(
    string Namespace,
    string Revision,
    long Requests,
    long Errors,
    int InFlight,
    TimeSpan LastLatency
);
