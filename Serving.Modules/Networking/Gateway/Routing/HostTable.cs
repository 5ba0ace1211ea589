namespace Serving.Networking.Gateway.Routing;

/// <summary>The hosts of one listener. An exact name takes precedence over a wildcard, a longer wildcard over a shorter one, and any over
/// <c>*</c>. Immutable; a changed table shares what did not change.</summary>
internal sealed class HostTable
{
    private const string Any = "*";

    private readonly HostShards _exact;
    private readonly HostShards _wildcards;
    private readonly HostRoutes? _any;

    /// <param name="hosts">Names, wildcards such as <c>*.example.com</c>, or <c>*</c>; each once, case-insensitively.</param>
    public HostTable(IEnumerable<KeyValuePair<string, HostRoutes>> hosts)
        : this(
            HostShards.Empty,
            HostShards.Empty,
            null,
            [.. hosts.Select(static host => KeyValuePair.Create(host.Key, (HostRoutes?)host.Value))]
        ) { }

    private HostTable(
        HostShards exact,
        HostShards wildcards,
        HostRoutes? any,
        IReadOnlyCollection<KeyValuePair<string, HostRoutes?>> changes
    )
    {
        _exact = exact.With([.. changes.Where(static change => change.Key != Any && !IsWildcard(change.Key))]);
        _wildcards = wildcards.With([
            .. changes
                .Where(static change => IsWildcard(change.Key))
                .Select(static change => KeyValuePair.Create(change.Key[1..], change.Value)),
        ]);
        _any = any;
        foreach (var (host, routes) in changes)
        {
            if (host == Any)
            {
                _any = routes;
            }
        }
    }

    /// <summary>The empty table.</summary>
    public static HostTable Empty { get; } = new([]);

    /// <summary>The table with changed hosts; null removes a host.</summary>
    public HostTable With(IReadOnlyCollection<KeyValuePair<string, HostRoutes?>> changes) =>
        changes.Count == 0 ? this : new HostTable(_exact, _wildcards, _any, changes);

    /// <summary>The routes of a request's host, with or without port and trailing dot; null when the host is unknown.</summary>
    public HostRoutes? Find(ReadOnlySpan<char> host)
    {
        var name = NameOf(host);
        if (_exact.Find(name) is { } exact)
        {
            return exact;
        }

        if (!_wildcards.IsEmpty)
        {
            for (var dot = name.IndexOf('.'); dot >= 0; )
            {
                name = name[dot..];
                if (_wildcards.Find(name) is { } wildcard)
                {
                    return wildcard;
                }

                var next = name[1..].IndexOf('.');
                dot = next < 0 ? -1 : next + 1;
            }
        }

        return _any;
    }

    /// <summary>The routes of a host with the name or wildcard that matches it, for display; null when the host is unknown.</summary>
    public (string Pattern, HostRoutes Routes)? FindPattern(string host)
    {
        var name = NameOf(host).ToString();
        if (_exact.Find(name) is { } exact)
        {
            return (name, exact);
        }

        for (var dot = name.IndexOf('.', StringComparison.Ordinal); dot >= 0; dot = name.IndexOf('.', dot + 1))
        {
            if (_wildcards.Find(name.AsSpan(dot)) is { } wildcard)
            {
                return ("*" + name[dot..], wildcard);
            }
        }

        return _any is null ? null : (Any, _any);
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

    private static bool IsWildcard(string host) => host.StartsWith("*.", StringComparison.Ordinal);
}
