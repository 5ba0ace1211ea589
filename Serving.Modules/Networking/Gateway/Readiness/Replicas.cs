using System.Net;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Kubernetes;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Networking.Layers;

namespace Serving.Networking.Gateway.Readiness;

/// <summary>All gateway replicas: those behind the Service of the cluster-local listener, and the one in this process.</summary>
internal sealed class Replicas(
    GatewayOptions options,
    ClusterEnvironment environment,
    IInformer<Endpoints> endpoints,
    GatewayModule? local,
    ReplicaProbe probe,
    TimeProvider time
)
{
    /// <summary>
    /// How long a pass waits until the table in this process contains the newest version: long enough that most changes need one status
    /// write instead of two. It does not wait for endpoints, so that Ingresses without them do not delay others.
    /// </summary>
    private static readonly TimeSpan LocalTimeout = TimeSpan.FromMilliseconds(200);

    /// <summary>Whether these Endpoints list the gateway replicas.</summary>
    public bool AreListedIn(Endpoints candidate) =>
        candidate.Metadata.Namespace == environment.SystemNamespace && candidate.Metadata.Name == options.InternalService;

    public async Task<Verdict> AskAsync(Ingress ingress, CancellationToken cancellation)
    {
        var hash = IngressHash.Compute(ingress);
        var listed = Listed();
        if (local is not null && (listed.Count == 0 || listed.Any(IsLocal)))
        {
            var verdict = await AskLocalAsync(local, ObjectKey.Of(ingress), hash, cancellation);
            if (!verdict.Ready || listed.Count == 0)
            {
                return verdict;
            }
        }

        var others = listed.Where(replica => local is null || !IsLocal(replica)).ToList();
        var answers = await Task.WhenAll(others.Select(replica => probe.HasAsync(replica, ingress, hash, cancellation)));
        return new Verdict(listed.Count > 0 && answers.All(static has => has));
    }

    private async Task<Verdict> AskLocalAsync(GatewayModule local, ObjectKey key, string hash, CancellationToken cancellation)
    {
        var started = time.GetTimestamp();
        while (true)
        {
            var next = local.NextTable;
            var applied = local.Table.Ingresses.GetValueOrDefault(key);
            var verdict = new Verdict(applied.Hash == hash && applied.Available, applied.Hash == hash ? applied.Conflict : null);
            var left = LocalTimeout - time.GetElapsedTime(started);
            if (applied.Hash == hash || left <= TimeSpan.Zero)
            {
                return verdict;
            }

            await next.WaitAsync(left, time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellation.ThrowIfCancellationRequested();
        }
    }

    private bool IsLocal(IPEndPoint replica) => replica.Address.Equals(environment.PodIP);

    private List<IPEndPoint> Listed()
    {
        var result = new List<IPEndPoint>();
        foreach (var subset in endpoints.Lister.Get(environment.SystemNamespace, options.InternalService)?.Subsets ?? [])
        {
            if (subset.Ports is [{ Port: { } port }, ..])
            {
                result.AddRange(
                    subset
                        .Addresses.Where(static address => IPAddress.TryParse(address.Ip, out _))
                        .Select(address => new IPEndPoint(IPAddress.Parse(address.Ip), port))
                );
            }
        }

        return result;
    }
}
