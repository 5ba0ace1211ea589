namespace Serving.Networking.Gateway.Routing;

/// <summary>The hosts of one listener. An exact name takes precedence over a wildcard, a longer wildcard over a shorter one, and any over
/// <c>*</c>. Immutable.</summary>
internal sealed class HostTable
{
    private readonly Dictionary<string, HostRoutes> _exact = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, HostRoutes> _wildcards = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, HostRoutes>.AlternateLookup<ReadOnlySpan<char>> _exactBySpan;
    private readonly Dictionary<string, HostRoutes>.AlternateLookup<ReadOnlySpan<char>> _wildcardsBySpan;
    private readonly HostRoutes? _any;

    /// <param name="hosts">Names, wildcards such as <c>*.example.com</c>, or <c>*</c>; each once, case-insensitively.</param>
    public HostTable(IEnumerable<KeyValuePair<string, HostRoutes>> hosts)
    {
        foreach (var (host, routes) in hosts)
        {
            if (host == "*")
            {
                _any = routes;
            }
            else if (host.StartsWith("*.", StringComparison.Ordinal))
            {
                _wildcards[host[1..]] = routes;
            }
            else
            {
                _exact[host] = routes;
            }
        }

        _exactBySpan = _exact.GetAlternateLookup<ReadOnlySpan<char>>();
        _wildcardsBySpan = _wildcards.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>The empty table.</summary>
    public static HostTable Empty { get; } = new([]);

    /// <summary>The routes of a request's host, with or without port and trailing dot; null when the host is unknown.</summary>
    public HostRoutes? Find(ReadOnlySpan<char> host)
    {
        var name = NameOf(host);
        if (_exactBySpan.TryGetValue(name, out var routes))
        {
            return routes;
        }

        if (_wildcards.Count > 0)
        {
            for (var dot = name.IndexOf('.'); dot >= 0; )
            {
                name = name[dot..];
                if (_wildcardsBySpan.TryGetValue(name, out routes))
                {
                    return routes;
                }

                var next = name[1..].IndexOf('.');
                dot = next < 0 ? -1 : next + 1;
            }
        }

        return _any;
    }

    /// <summary>The name without port and trailing dot; the brackets of an IPv6 address are kept.</summary>
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
