using Serving.Networking.Gateway.Backends;

namespace Serving.Networking.Gateway.Routing;

/// <summary>One backend of a route with its share of the traffic.</summary>
/// <param name="Backend">Where to.</param>
/// <param name="Percent">The share, 0 to 100.</param>
/// <param name="SetHeaders">Headers to set, after those of the route.</param>
/// <param name="Namespace">The namespace of the Revision that the headers name, else of the Service.</param>
/// <param name="Revision">The Revision that the headers name; null when they name none.</param>
/// <param name="Counter">Where its requests are counted.</param>
internal sealed record Split(
    Backend Backend, int Percent, KeyValuePair<string, string>[] SetHeaders, string Namespace, string? Revision, TrafficCounter Counter);
