namespace Serving.Dataplane.Inspection;

/// <summary>A route that a request takes.</summary>
/// <param name="Host">The host for which it was found.</param>
/// <param name="Rule">What it matches.</param>
/// <param name="Hash">The version of the Ingress, as probes see it.</param>
/// <param name="IsProbedReady">Whether a probe gets a 200: every backend with traffic has an endpoint.</param>
/// <param name="IsNewest">Whether the newest Ingress in the cache has the same version; otherwise it waits for endpoints. Null when the
/// Ingress is not in the cache any more.</param>
/// <param name="RewriteHost">The Host that is sent; null to keep the client's.</param>
/// <param name="RedirectsToHttps">Whether clear-text requests from outside are redirected to HTTPS.</param>
/// <param name="SetHeaders">The names of headers that the gateway sets.</param>
/// <param name="Splits">The backends.</param>
public sealed record RouteStep(
    string Host,
    RouteRule Rule,
    string Hash,
    bool IsProbedReady,
    bool? IsNewest,
    string? RewriteHost,
    bool RedirectsToHttps,
    IReadOnlyList<string> SetHeaders,
    IReadOnlyList<RouteSplit> Splits
);
