using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Kubernetes.Client;

namespace Serving.Kubernetes.Leadership;

/// <summary>
/// Leases of other divisions of the same work. Invariant: as for every Lease, the claim of a rival expires only after it was unchanged for
/// its duration by our own clock.
/// </summary>
internal sealed class RivalLeases(IKubernetesClient client, IReadOnlySet<string> names, ILogger logger, TimeProvider time)
{
    private readonly Dictionary<string, LeaseLock> _seen = [];

    /// <summary>Whether one of them is held now. Not reentrant. Throws as the client does.</summary>
    public async Task<bool> AreHeldAsync(LeaderElectionOptions options, CancellationToken cancellation)
    {
        if (names.Count == 0)
        {
            return false;
        }

        var held = false;
        foreach (var lease in (await client.ListAsync(Resources.Leases, options.Namespace, null, cancellation)).Items)
        {
            var name = lease.Metadata.Name;
            if (!names.Contains(name))
            {
                continue;
            }

            if (!_seen.TryGetValue(name, out var known))
            {
                _seen[name] = known = new LeaseLock(client, name, logger, time);
            }

            known.Saw(lease);
            held |= known.FreeIn(options) > TimeSpan.Zero;
        }

        return held;
    }
}
