namespace Serving.Api.Networking;

/// <summary>The names by which clients reach a host.</summary>
public static class HostNames
{
    private const int MaxLabel = 63;

    /// <summary>
    /// The hosts with the shorter names by which pods reach a cluster-local one: <c>name.ns.svc.cluster.local</c> is also
    /// <c>name.ns.svc</c> and <c>name.ns</c>. A name whose last label cannot be a top-level domain is left out. Sorted, each once.
    /// </summary>
    public static IReadOnlyList<string> Expand(IEnumerable<string> hosts, string clusterDomain)
    {
        ArgumentNullException.ThrowIfNull(hosts);
        string[] suffixes = ["." + clusterDomain, ".svc." + clusterDomain];
        return
        [
            .. hosts
                .SelectMany(host =>
                    suffixes
                        .Where(suffix => host.EndsWith(suffix, StringComparison.Ordinal))
                        .Select(suffix => host[..^suffix.Length])
                        .Prepend(host)
                )
                .Where(HasTopLevelDomain)
                .Distinct(StringComparer.Ordinal)
                .Order(StringComparer.Ordinal),
        ];
    }

    /// <summary>Whether the host is the name of a Service in the cluster.</summary>
    public static bool IsClusterLocal(string host, string clusterDomain)
    {
        ArgumentNullException.ThrowIfNull(host);
        return host.EndsWith(".svc." + clusterDomain, StringComparison.Ordinal);
    }

    /// <summary>The name of a Kubernetes Service.</summary>
    public static string OfService(string name, string ns, string clusterDomain) => $"{name}.{ns}.svc.{clusterDomain}";

    /// <summary>Whether the last label can be a top-level domain: data planes refuse one that consists of digits or is too long.</summary>
    public static bool HasTopLevelDomain(string host)
    {
        ArgumentNullException.ThrowIfNull(host);
        var label = host.AsSpan(host.LastIndexOf('.') + 1);
        return label.Length <= MaxLabel && label.ContainsAnyExceptInRange('0', '9');
    }
}
