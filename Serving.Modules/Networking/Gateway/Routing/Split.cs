using Serving.Networking.Gateway.Backends;

namespace Serving.Networking.Gateway.Routing;

/// <summary>A backend of a route and its share of the traffic.</summary>
/// <param name="Backend">The backend.</param>
/// <param name="Percent">Its share, 0 to 100.</param>
/// <param name="SetHeaders">Headers to set, after those of the route.</param>
/// <param name="Namespace">The namespace of the Revision named in the headers, otherwise of the Service.</param>
/// <param name="Revision">The Revision named in the headers; null for none.</param>
/// <param name="Counter">Counts its requests.</param>
internal sealed record Split(
    Backend Backend,
    int Percent,
    KeyValuePair<string, string>[] SetHeaders,
    string Namespace,
    string? Revision,
    TrafficCounter Counter
);
