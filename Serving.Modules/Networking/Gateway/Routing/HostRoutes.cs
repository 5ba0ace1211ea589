using Microsoft.AspNetCore.Http;

namespace Serving.Networking.Gateway.Routing;

/// <summary>The routes of one host, the most specific first: longer prefixes before shorter, more headers before fewer.</summary>
internal sealed class HostRoutes
{
    private readonly Route[] _routes;

    public HostRoutes(IEnumerable<Route> routes) =>
        _routes = [.. routes.OrderByDescending(static route => route.Prefix.Length).ThenByDescending(static route => route.Headers.Length)];

    /// <summary>All routes, in the order in which they are tried.</summary>
    public IReadOnlyList<Route> All => _routes;

    /// <summary>The route that matches a request, or null. <paramref name="path"/> is decoded and contains no dot segments.</summary>
    public Route? Match(string path, IHeaderDictionary headers)
    {
        foreach (var route in _routes)
        {
            if (path.StartsWith(route.Prefix, StringComparison.Ordinal) && AllMet(route.Headers, headers))
            {
                return route;
            }
        }

        return null;
    }

    private static bool AllMet(HeaderRequirement[] requirements, IHeaderDictionary headers)
    {
        foreach (var requirement in requirements)
        {
            if (!requirement.IsMetBy(headers))
            {
                return false;
            }
        }

        return true;
    }
}
