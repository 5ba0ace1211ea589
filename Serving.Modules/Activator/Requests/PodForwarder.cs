using System.Globalization;
using Microsoft.AspNetCore.Http;
using Serving.Activator.Throttling;
using Serving.Dataplane;
using Serving.Dataplane.Upstreams;

namespace Serving.Activator.Requests;

/// <summary>
/// Forwards a request to the queue-proxy of a pod: in clear text to the pod's serving port, or over TLS to its TLS port if system-internal
/// TLS is enabled. Pods are identified by the clear-text address in either case. If the mesh supports it, the request asks it for
/// passthrough to exactly this pod; a request to the revision's Service has no such pod.
/// </summary>
internal sealed class PodForwarder(IUpstream upstream, Func<string, UpstreamTls?>? tls, int tlsPort)
{
    private static readonly KeyValuePair<string, string>[] ThroughMesh = [new(DataplaneHeaders.PassthroughLoadBalancing, "true")];

    /// <summary>Forwards a request to a pod of the revision.</summary>
    public ValueTask<UpstreamResult> ForwardAsync(
        HttpContext context,
        RevisionEntry entry,
        PodTracker pod,
        bool http2,
        CancellationToken cancellation
    )
    {
        var secured = tls?.Invoke(entry.Revision.Metadata.Namespace);
        var destination = secured is null ? pod.Address : WithPort(pod.Address, pod.ServiceTlsPort ?? tlsPort);
        var meshHost = pod.ServiceTlsPort is null ? entry.Backends.MeshHost : null;
        var target = new UpstreamTarget(destination, http2)
        {
            Host = meshHost ?? destination,
            Tls = secured,
            SetHeaders = meshHost is null ? null : ThroughMesh,
            IsQueueProxy = true,
        };
        return upstream.ForwardAsync(context, target, cancellation);
    }

    private static string WithPort(string address, int port) =>
        string.Create(CultureInfo.InvariantCulture, $"{address.AsSpan(0, address.LastIndexOf(':'))}:{port}");
}
