using System.Globalization;
using Microsoft.AspNetCore.Http;
using Serving.Activator.Throttling;
using Serving.Dataplane;

namespace Serving.Activator.Requests;

/// <summary>
/// Sends a request to the queue-proxy of a pod: in clear text to the port that the pod names, or by TLS to its TLS port when the system
/// is told to encrypt. Pods are told apart by the former in either case. A mesh that can be asked to is asked to let the request
/// through to just this pod; where it goes to the revision's Service there is no such pod.
/// </summary>
internal sealed class PodForwarder(IUpstream upstream, Func<string, UpstreamTls?>? tls, int tlsPort)
{
    private static readonly KeyValuePair<string, string>[] ThroughMesh = [new(DataplaneHeaders.PassthroughLoadBalancing, "true")];

    /// <summary>Sends it to a pod of the revision.</summary>
    public ValueTask<UpstreamResult> ForwardAsync(HttpContext context, RevisionEntry entry, PodTracker pod, bool http2, CancellationToken cancellation)
    {
        var secured = tls?.Invoke(entry.Revision.Metadata.Namespace);
        var destination = secured is null ? pod.Address : WithPort(pod.Address, pod.ServiceTlsPort ?? tlsPort);
        var meshHost = pod.ServiceTlsPort is null ? entry.Backends.MeshHost : null;
        var target = new UpstreamTarget(destination, http2) { Host = meshHost ?? destination, Tls = secured, SetHeaders = meshHost is null ? null : ThroughMesh, IsQueueProxy = true };
        return upstream.ForwardAsync(context, target, cancellation);
    }

    private static string WithPort(string address, int port) =>
        string.Create(CultureInfo.InvariantCulture, $"{address.AsSpan(0, address.LastIndexOf(':'))}:{port}");
}
