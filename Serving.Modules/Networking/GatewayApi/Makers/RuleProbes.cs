using Serving.Api.GatewayApi;
using Serving.Api.Networking;
using Serving.Api.WellKnown;

namespace Serving.Networking.GatewayApi.Makers;

/// <summary>
/// The rules by which a Gateway says which version of an Ingress it routes. A probe rule matches the header <c>K-Network-Hash: override</c>
/// and sets that header to its version, which the backend returns. Each path has one; while backends change, so has each backend, under a
/// path of its own.
/// </summary>
internal static class RuleProbes
{
    private const string BackendPaths = "/.well-known/knative/";

    /// <summary>Whether the rule is for probes, not for requests.</summary>
    public static bool IsProbe(HttpRouteRule rule) => rule.Matches.Any(IsProbe);

    /// <summary>Whether the rule probes one backend, whatever the paths of the Ingress.</summary>
    public static bool IsOfBackend(HttpRouteRule rule) =>
        rule.Matches.Any(static match => match.Path?.Value.StartsWith(BackendPaths, StringComparison.Ordinal) == true);

    /// <summary>The version that all probe rules have; null when there is none, or when they disagree.</summary>
    public static string? VersionOf(IReadOnlyList<HttpRouteRule> rules)
    {
        var versions = rules.Where(IsProbe).Select(VersionOf).Distinct().Take(2).ToList();
        return versions is [{ } only] ? only : null;
    }

    /// <summary>The rules, with another version in those of probes.</summary>
    public static IReadOnlyList<HttpRouteRule> WithVersion(IEnumerable<HttpRouteRule> rules, string version) =>
        [.. rules.Select(rule => IsProbe(rule) ? rule with { Filters = [.. rule.Filters.Select(filter => With(filter, version))] } : rule)];

    /// <summary>A rule that probes a backend of the wanted rules.</summary>
    public static HttpRouteRule OfBackend(string ns, IngressBackendSplit split, string version) =>
        OfBackend(ns, RuleMaker.Backend(ns, split, weight: 100), version);

    /// <summary>A rule that probes a backend that is routed already.</summary>
    /// <param name="ns">The namespace of the route.</param>
    /// <param name="backend">The backend.</param>
    /// <param name="version">The version to return.</param>
    public static HttpRouteRule OfBackend(string ns, HttpBackendReference backend, string version) =>
        new()
        {
            Matches =
            [
                RuleMaker.Match(
                    $"{BackendPaths}revision/{(backend.Namespace.Length == 0 ? ns : backend.Namespace)}/{backend.Name}",
                    [KeyValuePair.Create(Headers.NetworkHash, Headers.NetworkHashOverride)]
                ),
            ],
            Filters = RuleMaker.SetHeaders(new Dictionary<string, string> { [Headers.NetworkHash] = version }),
            BackendRefs = [backend with { Weight = 100 }],
        };

    /// <summary>The paths under which these rules are probed, each once.</summary>
    public static IReadOnlyList<string> Paths(IEnumerable<HttpRouteRule> rules) =>
        [.. rules.SelectMany(static rule => rule.Matches).Where(IsProbe).Select(static match => match.Path?.Value ?? "/").Distinct()];

    private static bool IsProbe(HttpRouteMatch match) => match.Headers.Any(static header => IsHash(header.Name));

    private static string? VersionOf(HttpRouteRule rule) =>
        rule
            .Filters.SelectMany(static filter => filter.RequestHeaderModifier?.Set ?? [])
            .FirstOrDefault(static header => IsHash(header.Name))
            ?.Value;

    private static HttpRouteFilter With(HttpRouteFilter filter, string version) =>
        filter.RequestHeaderModifier is not { } modifier
            ? filter
            : filter with
            {
                RequestHeaderModifier = modifier with
                {
                    Set = [.. modifier.Set.Select(header => IsHash(header.Name) ? header with { Value = version } : header)],
                },
            };

    private static bool IsHash(string header) => header.Equals(Headers.NetworkHash, StringComparison.OrdinalIgnoreCase);
}
