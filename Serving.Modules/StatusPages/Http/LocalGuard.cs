using System.Net;
using Microsoft.AspNetCore.Http;
using Serving.Dataplane.Requests;

namespace Serving.StatusPages.Http;

/// <summary>
/// Admits only requests of a person at this machine, or at the other end of a <c>kubectl port-forward</c>, which the cluster has
/// authorized: both arrive on the loopback interface. The pages therefore need no accounts of their own, and a Service, an ingress or
/// a neighbour pod cannot reach them. Invariants: the peer is 127.0.0.1 or ::1 (a sidecar proxy uses other loopback addresses); the
/// Host is a name of loopback, so that a page of another site cannot read them by DNS rebinding; and nothing has forwarded the
/// request.
/// </summary>
internal static class LocalGuard
{
    private static readonly string[] ForwardingHeaders =
    [
        "Forwarded",
        "Via",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Real-IP",
    ];

    /// <summary>Why a request is refused; null when it is admitted.</summary>
    public static string? Refusal(HttpContext context)
    {
        if (!IsLocal(context.Connection.RemoteIpAddress))
        {
            return "the status pages are only for connections from this machine: use kubectl port-forward to the pod";
        }

        if (!IsLocalName(context.Request.Host.Host))
        {
            return "the Host header must be localhost or a loopback address";
        }

        return ForwardingHeaders.FirstOrDefault(name => context.Request.Headers.ContainsKey(name)) is { } header
            ? $"the request was forwarded by a proxy ({header}): connect directly"
            : null;
    }

    private static bool IsLocal(IPAddress? address) =>
        address is not null && address.ToPlain() is var peer && (peer.Equals(IPAddress.Loopback) || peer.Equals(IPAddress.IPv6Loopback));

    private static bool IsLocalName(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}
