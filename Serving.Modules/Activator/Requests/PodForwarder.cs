using System.Globalization;
using Microsoft.AspNetCore.Http;
using Serving.Dataplane;

namespace Serving.Activator.Requests;

/// <summary>
/// Sends a request to the queue-proxy of a pod: in clear text to the port that the pod names, or by TLS to its TLS port when the system
/// is told to encrypt. Pods are told apart by the former in either case.
/// </summary>
internal sealed class PodForwarder(IUpstream upstream, Func<string, UpstreamTls?>? tls, int tlsPort)
{
    /// <summary>Sends it to the pod at <paramref name="address"/>, an IP and the port of clear text.</summary>
    public ValueTask<UpstreamResult> ForwardAsync(HttpContext context, string ns, string address, bool http2, CancellationToken cancellation)
    {
        var secured = tls?.Invoke(ns);
        var destination = secured is null ? address : WithPort(address, tlsPort);
        return upstream.ForwardAsync(context, new UpstreamTarget(destination, http2) { Host = destination, Tls = secured }, cancellation);
    }

    private static string WithPort(string address, int port) =>
        string.Create(CultureInfo.InvariantCulture, $"{address.AsSpan(0, address.LastIndexOf(':'))}:{port}");
}
