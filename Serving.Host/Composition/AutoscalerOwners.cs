using System.Collections.Concurrent;
using System.Net;
using Serving.Api.Core;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;

namespace Serving.Host.Composition;

/// <summary>Finds the replicas that lead the autoscaler's shards, and those that could: by the Leases and by the Endpoints of the Service
/// <c>autoscaler</c>.</summary>
/// <param name="leases">The Leases of the system namespace.</param>
/// <param name="endpoints">The Endpoints that list the ready replicas; null when they are not needed.</param>
/// <param name="environment">The namespace of the control plane.</param>
/// <param name="leaseNames">The Leases of a shard; the holder of the first one receives the shard's stats.</param>
/// <param name="time">The clock for the age of renewals.</param>
internal sealed class AutoscalerOwners(
    ILister<Lease> leases,
    ILister<Endpoints>? endpoints,
    ClusterEnvironment environment,
    Func<string, Shard, IReadOnlyList<string>> leaseNames,
    TimeProvider time
)
{
    private const string Service = "autoscaler";

    private readonly ConcurrentDictionary<string, (string Version, long Seen)> _seen = new();

    /// <summary>The identity under which a replica holds Leases; it contains the address.</summary>
    public static string Identity(string pod, string address) => $"{pod}_{address}";

    /// <summary>Where the holder of a Lease receives stats; null when nobody holds it or its identity has no address.</summary>
    public static Uri? AddressOf(Lease? lease, int port, string path)
    {
        var holder = lease?.Spec?.HolderIdentity ?? "";
        return IPAddress.TryParse(holder[(holder.LastIndexOf('_') + 1)..], out var address)
            ? new UriBuilder("ws", address.ToString(), port, path).Uri
            : null;
    }

    /// <summary>Where the stats of a shard are received now; null while unknown.</summary>
    public Uri? OwnerOf(Shard shard, int port, string path) =>
        AddressOf(leases.Get(environment.SystemNamespace, leaseNames("autoscaler", shard)[0]), port, path);

    /// <summary>
    /// How long this process may fail to reach the leader of a shard before it becomes unready: two lease durations, so that a dead leader
    /// has been replaced by then. Null while the Lease is not renewed: then there is no leader, or the API server is unreachable for all
    /// replicas, and removing any of them from the endpoints would not help. Evaluated repeatedly while the leader cannot be reached.
    /// </summary>
    public TimeSpan? TimeoutFor(Shard shard)
    {
        var name = leaseNames("autoscaler", shard)[0];
        if (leases.Get(environment.SystemNamespace, name) is not { Spec.LeaseDurationSeconds: > 0 } lease)
            return null;
        var duration = TimeSpan.FromSeconds(lease.Spec.LeaseDurationSeconds.Value);
        var now = time.GetTimestamp();
        var last = _seen.AddOrUpdate(
            name,
            _ => (lease.Metadata.ResourceVersion, now),
            (_, before) => before.Version == lease.Metadata.ResourceVersion ? before : (lease.Metadata.ResourceVersion, now)
        );
        return time.GetElapsedTime(last.Seen, now) <= duration ? 2 * duration : null;
    }

    /// <summary>The identities of the replicas that are ready to lead.</summary>
    public IReadOnlyCollection<string> Ready() =>
        endpoints?.Get(environment.SystemNamespace, Service) is { } found
            ?
            [
                .. found
                    .Subsets.SelectMany(subset => subset.Addresses)
                    .Where(address => address.TargetRef is not null)
                    .Select(address => Identity(address.TargetRef!.Name, address.Ip))
                    .Distinct(),
            ]
            : [];
}
