namespace Serving.Dataplane.Inspection;

/// <summary>A backend of a route.</summary>
/// <param name="Backend">Namespace, Service and port.</param>
/// <param name="Percent">Its share of the traffic.</param>
/// <param name="Namespace">The namespace of the Revision.</param>
/// <param name="Revision">The Revision; null for a backend that is none.</param>
/// <param name="LeadsToGateway">Whether the request is routed again, by its new host.</param>
/// <param name="Protocol"><c>http1</c> or <c>h2c</c>, with <c>TLS</c>.</param>
/// <param name="Endpoints">The number of endpoints.</param>
/// <param name="Listed">The endpoints, at most <see cref="MostListed"/>.</param>
public sealed record RouteSplit(
    string Backend,
    int Percent,
    string Namespace,
    string? Revision,
    bool LeadsToGateway,
    string Protocol,
    int Endpoints,
    IReadOnlyList<RouteEndpoint> Listed
)
{
    /// <summary>The most endpoints that are listed.</summary>
    public const int MostListed = 50;
}
