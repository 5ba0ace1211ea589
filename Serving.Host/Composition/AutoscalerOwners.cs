using System.Collections.Concurrent;
using System.Net;
using Serving.Api.Core;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;

namespace Serving.Host.Composition;

/// <summary>Which replicas decide for which part of the autoscaler, and which could: by the Leases and by the Service
/// <c>autoscaler</c>.</summary>
/// <param name="leases">The Leases of the system namespace.</param>
/// <param name="endpoints">The Endpoints that tell who is ready; null where nobody needs to know.</param>
/// <param name="environment">Where the control plane is.</param>
/// <param name="leaseNames">The Leases of a part; the first names where its holder takes measurements.</param>
/// <param name="time">The clock by which a Lease is renewed in time.</param>
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

    /// <summary>The identity under which a replica holds Leases, so that others find its address.</summary>
    public static string Identity(string pod, string address) => $"{pod}_{address}";

    /// <summary>Where the holder of a Lease takes measurements; null while nobody holds it or its address is not in its identity.</summary>
    public static Uri? AddressOf(Lease? lease, int port, string path)
    {
        var holder = lease?.Spec?.HolderIdentity ?? "";
        return IPAddress.TryParse(holder[(holder.LastIndexOf('_') + 1)..], out var address)
            ? new UriBuilder("ws", address.ToString(), port, path).Uri
            : null;
    }

    /// <summary>Where the measurements of a part are taken now; null while that is not known.</summary>
    public Uri? OwnerOf(Shard shard, int port, string path) =>
        AddressOf(leases.Get(environment.SystemNamespace, leaseNames("autoscaler", shard)[0]), port, path);

    /// <summary>
    /// How long this process may fail to reach who leads a part before it is better left out: two durations of the Lease, so that a leader
    /// that died was replaced before. Null while no renewal is seen, since then nobody leads, or the API server is away and no process
    /// knows better: to leave any of them out would not help. Asked again and again while it fails.
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

    /// <summary>The identities of the replicas that are ready to decide.</summary>
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
