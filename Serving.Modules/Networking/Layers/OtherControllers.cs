using Serving.Api;
using Serving.Kubernetes.Client;

namespace Serving.Networking.Layers;

/// <summary>
/// Whether another controller serves the Ingresses of a layer: Knative's own, which clusters install by themselves. It has precedence, so
/// that installing it is enough to use it. It is known by its Lease; that of a dead one expires like any other, when it has been unchanged
/// for its duration by our own clock.
/// </summary>
internal sealed class OtherControllers(NetworkLayer layer, string systemNamespace, TimeProvider time)
{
    private readonly Dictionary<string, (string Version, long Since)> _seen = [];

    /// <summary>The Lease that another controller holds; null for none. Throws as the client does.</summary>
    public async Task<string?> FindLeaseAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        if (layer.Controllers.Count == 0)
        {
            return null;
        }

        string? held = null;
        foreach (var lease in (await client.ListAsync(Resources.Leases, systemNamespace, null, cancellation)).Items)
        {
            var name = lease.Metadata.Name;
            if (
                lease.Spec is not { HolderIdentity.Length: > 0 } spec
                || !layer.Controllers.Any(prefix => name.StartsWith(prefix + ".", StringComparison.OrdinalIgnoreCase))
            )
            {
                continue;
            }

            if (!_seen.TryGetValue(name, out var known) || known.Version != lease.Metadata.ResourceVersion)
            {
                _seen[name] = known = (lease.Metadata.ResourceVersion, time.GetTimestamp());
            }

            if (time.GetElapsedTime(known.Since) < TimeSpan.FromSeconds(spec.LeaseDurationSeconds ?? 0))
            {
                held ??= name;
            }
        }

        return held;
    }
}
