using Serving.Api.Config;
using Serving.Api.GatewayApi;
using Serving.Api.Networking;

namespace Serving.Networking.GatewayApi.Makers;

/// <summary>
/// Makes the rules of HTTPRoutes. Everything that the API server would default is written, so that what is stored compares equal to what is
/// wanted.
/// </summary>
internal static class RuleMaker
{
    /// <summary>The feature that a Gateway must support for a rule to have a time-out.</summary>
    public const string RequestTimeoutFeature = "HTTPRouteRequestTimeout";

    private const string AnyTime = "0s";
    private const string ChallengePaths = "/.well-known/acme-challenge/";
    private const int PermanentRedirect = 301;

    /// <summary>The rules of a rule of an Ingress, in the order of its paths.</summary>
    public static IReadOnlyList<HttpRouteRule> Make(string ns, IngressRule rule, GatewaySelection gateway)
    {
        // Requests may take as long as the Revision allows; some data planes end them after 15 s unless told otherwise.
        var timeouts = gateway.SupportedFeatures.Contains(RequestTimeoutFeature) ? new HttpRouteTimeouts { Request = AnyTime } : null;
        return [.. (rule.Http?.Paths ?? []).Select(path => Rule(ns, path) with { Timeouts = timeouts })];
    }

    /// <summary>
    /// The rules that send clients of plain HTTP to HTTPS. Paths by which a certificate authority validates a domain are served: it calls
    /// them before there is a certificate.
    /// </summary>
    public static IReadOnlyList<HttpRouteRule> Redirected(IReadOnlyList<HttpRouteRule> rules) => [.. rules.Where(IsChallenge), Redirect()];

    private static bool IsChallenge(HttpRouteRule rule) =>
        rule.Matches.Any(static match => match.Path?.Value.StartsWith(ChallengePaths, StringComparison.Ordinal) == true);

    private static HttpRouteRule Redirect() =>
        new()
        {
            Matches = [Match("/", [])],
            Filters =
            [
                new HttpRouteFilter
                {
                    Type = FilterTypes.RequestRedirect,
                    RequestRedirect = new HttpRequestRedirect { Scheme = "https", StatusCode = PermanentRedirect },
                },
            ],
        };

    /// <summary>The match of a path prefix and of headers.</summary>
    public static HttpRouteMatch Match(string prefix, IEnumerable<KeyValuePair<string, string>> headers) =>
        new()
        {
            Path = new HttpPathMatch { Type = "PathPrefix", Value = prefix.Length == 0 ? "/" : prefix },
            Headers =
            [
                .. headers
                    .OrderByDescending(static header => header.Key, StringComparer.Ordinal)
                    .Select(static header => new HttpHeaderMatch
                    {
                        Type = "Exact",
                        Name = header.Key,
                        Value = header.Value,
                    }),
            ],
        };

    /// <summary>Sets headers of the request; nothing for no header.</summary>
    public static IReadOnlyList<HttpRouteFilter> SetHeaders(IReadOnlyDictionary<string, string> headers) =>
        headers.Count == 0
            ? []
            :
            [
                new HttpRouteFilter
                {
                    Type = FilterTypes.RequestHeaderModifier,
                    RequestHeaderModifier = new HttpHeaderModifier
                    {
                        Set =
                        [
                            .. headers
                                .OrderBy(static header => header.Key, StringComparer.Ordinal)
                                .Select(static header => new HttpHeaderValue { Name = header.Key, Value = header.Value }),
                        ],
                    },
                },
            ];

    /// <summary>The backend of a split. Its namespace is written only when it is not that of the route.</summary>
    public static HttpBackendReference Backend(string ns, IngressBackendSplit split, int weight) =>
        new()
        {
            Group = "",
            Kind = "Service",
            Name = split.ServiceName,
            Namespace = split.ServiceNamespace == ns ? "" : split.ServiceNamespace,
            Port = split.ServicePort.Int,
            Weight = weight,
            Filters = SetHeaders(split.AppendHeaders),
        };

    private static HttpRouteRule Rule(string ns, HttpIngressPath path) =>
        new()
        {
            Matches =
            [
                Match(
                    path.Path,
                    (path.Headers ?? new Dictionary<string, HeaderMatch>()).Select(static header =>
                        KeyValuePair.Create(header.Key, header.Value.Exact)
                    )
                ),
            ],
            Filters = [.. SetHeaders(path.AppendHeaders), .. Rewrite(path.RewriteHost)],
            BackendRefs = [.. path.Splits.Select(split => Backend(ns, split, (int)Math.Clamp(split.Percent, 0, 100)))],
        };

    private static IEnumerable<HttpRouteFilter> Rewrite(string host)
    {
        if (host.Length > 0)
        {
            yield return new HttpRouteFilter
            {
                Type = FilterTypes.UrlRewrite,
                UrlRewrite = new HttpUrlRewrite { Hostname = host },
            };
        }
    }
}
