using Serving.Kubernetes;

namespace Serving.Networking.Gateway.Routing;

/// <summary>The Ingresses that name a host, whether they get it or not. Not thread-safe.</summary>
internal sealed class HostClaims
{
    private readonly Dictionary<string, HashSet<ObjectKey>> _claimants = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Replaces the hosts of an Ingress.</summary>
    public void Replace(ObjectKey key, IEnumerable<string> before, IEnumerable<string> after)
    {
        foreach (var host in before)
        {
            if (_claimants.TryGetValue(host, out var keys) && keys.Remove(key) && keys.Count == 0)
            {
                _claimants.Remove(host);
            }
        }

        foreach (var host in after)
        {
            if (!_claimants.TryGetValue(host, out var keys))
            {
                _claimants.Add(host, keys = []);
            }

            keys.Add(key);
        }
    }

    /// <summary>The Ingresses that name one of these hosts, and those that name a host of one of them, and so on.</summary>
    /// <param name="hosts">The hosts.</param>
    /// <param name="hostsOf">The hosts of an Ingress.</param>
    public HashSet<ObjectKey> Connected(IEnumerable<string> hosts, Func<ObjectKey, IEnumerable<string>> hostsOf)
    {
        var found = new HashSet<ObjectKey>();
        var rest = new Queue<string>(hosts);
        while (rest.TryDequeue(out var host))
        {
            if (!_claimants.TryGetValue(host, out var keys))
            {
                continue;
            }

            foreach (var key in keys)
            {
                if (found.Add(key))
                {
                    foreach (var other in hostsOf(key))
                    {
                        rest.Enqueue(other);
                    }
                }
            }
        }

        return found;
    }
}
