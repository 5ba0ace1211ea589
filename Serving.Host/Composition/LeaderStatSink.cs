using System.Net;
using Serving.Activator;
using Serving.Api;
using Serving.Api.Core;
using Serving.Autoscaler;
using Serving.Autoscaler.Statistics;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes;

namespace Serving.Host.Composition;

/// <summary>
/// Takes the activator's measurements to the autoscaler that decides: the one in this process while there is one and it leads, else the leader's,
/// which the Lease names as <c>pod_address</c>.
/// </summary>
internal sealed class LeaderStatSink(AutoscalerModule? autoscaler, StatForwarder forwarder) : IRequestStatSink
{
    public void Report(string ns, string revision, in Stat stat)
    {
        if (autoscaler is { IsLeading: true })
        {
            autoscaler.Report(ns, revision, stat);
        }
        else
        {
            forwarder.Report(ns, revision, stat);
        }
    }

    /// <summary>The identity under which a replica holds Leases, so that others find its address.</summary>
    public static string Identity(ClusterEnvironment environment) => $"{environment.PodName}_{environment.PodIP}";

    /// <summary>Where the holder of a Lease takes statistics; null while nobody holds it or its address is not in its identity.</summary>
    public static Uri? OwnerAddress(Lease? lease, int port)
    {
        var holder = lease?.Spec?.HolderIdentity ?? "";
        return IPAddress.TryParse(holder[(holder.LastIndexOf('_') + 1)..], out var address) ? new UriBuilder("ws", address.ToString(), port).Uri : null;
    }

    /// <summary>Finds the autoscaler's leader by the Lease in <paramref name="informers"/>.</summary>
    public static Func<Uri?> OwnerIn(IInformers informers, ClusterEnvironment environment, string leaseName, int port)
    {
        var leases = informers.For(Resources.Leases, environment.SystemNamespace).Lister;
        return () => OwnerAddress(leases.Get(environment.SystemNamespace, leaseName), port);
    }
}
