namespace Serving.Networking.Gateway.Routing;

/// <summary>The hosts of one listener. An exact name wins over a wildcard, a longer wildcard over a shorter, anything over <c>*</c>. Immutable.</summary>
internal sealed class HostTable
{
    private readonly Dictionary<string, HostRoutes> exact = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, HostRoutes> wildcards = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, HostRoutes>.AlternateLookup<ReadOnlySpan<char>> exactBySpan;
    private readonly Dictionary<string, HostRoutes>.AlternateLookup<ReadOnlySpan<char>> wildcardsBySpan;
    private readonly HostRoutes? any;

    /// <param name="hosts">Names, wildcards as <c>*.example.com</c>, or <c>*</c>; each once, whatever the case.</param>
    public HostTable(IEnumerable<KeyValuePair<string, HostRoutes>> hosts)
    {
        foreach (var (host, routes) in hosts)
        {
            if (host == "*")
            {
                any = routes;
            }
            else if (host.StartsWith("*.", StringComparison.Ordinal))
            {
                wildcards[host[1..]] = routes;
            }
            else
            {
                exact[host] = routes;
            }
        }

        exactBySpan = exact.GetAlternateLookup<ReadOnlySpan<char>>();
        wildcardsBySpan = wildcards.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>The table without hosts.</summary>
    public static HostTable Empty { get; } = new([]);

    /// <summary>The routes of a host as it stands in a request, with or without port and final dot; null when it is unknown.</summary>
    public HostRoutes? Find(ReadOnlySpan<char> host)
    {
        var name = NameOf(host);
        if (exactBySpan.TryGetValue(name, out var routes))
        {
            return routes;
        }

        if (wildcards.Count > 0)
        {
            for (var dot = name.IndexOf('.'); dot >= 0;)
            {
                name = name[dot..];
                if (wildcardsBySpan.TryGetValue(name, out routes))
                {
                    return routes;
                }

                var next = name[1..].IndexOf('.');
                dot = next < 0 ? -1 : next + 1;
            }
        }

        return any;
    }

    /// <summary>The name without port, brackets of IPv6 kept, and without the dot that ends a fully qualified name.</summary>
    internal static ReadOnlySpan<char> NameOf(ReadOnlySpan<char> host)
    {
        var colon = host.LastIndexOf(':');
        if (colon >= 0 && host[colon..].IndexOf(']') < 0)
        {
            host = host[..colon];
        }

        return host is [.. var name, '.'] ? name : host;
    }
}
