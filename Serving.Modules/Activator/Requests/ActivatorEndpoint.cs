using System.Net;
using Microsoft.AspNetCore.Http;
using Serving.Dataplane;
using Serving.Dataplane.Requests;

namespace Serving.Activator.Requests;

/// <summary>Handles requests to the activator's servers: responds to probes, and forwards other requests to the revision named in their
/// headers.</summary>
internal sealed class ActivatorEndpoint(ActivationHandler handler, string clusterDomain, Func<string?> notReadyReason)
{
    public async Task HandleAsync(HttpContext context)
    {
        var request = context.Request;

        // A request forwarded by a gateway names its revision; it is no kubelet probe, whatever its user agent says.
        if (ProbeRequest.IsKubelet(request) && !request.Headers.ContainsKey(DataplaneHeaders.Revision))
        {
            if (notReadyReason() is { } reason)
                await PlainText.WriteErrorAsync(context, StatusCodes.Status500InternalServerError, reason);
            return;
        }

        var probe = request.Headers[DataplaneHeaders.Probe].ToString();
        if (probe.Length != 0)
        {
            await AnswerProbeAsync(context, probe);
            return;
        }

        var (ns, revision) = Revision(request);
        await handler.HandleAsync(context, ns, revision, HttpProtocol.IsHttp2(request.Protocol), viaGateway: false);
    }

    private static Task AnswerProbeAsync(HttpContext context, string probe) =>
        probe switch
        {
            DataplaneHeaders.ProbeValue => ProbeRequest.AnswerNetworkProbeAsync(context),
            DataplaneHeaders.ActivatorName => PlainText.WriteAsync(context, StatusCodes.Status200OK, DataplaneHeaders.ActivatorName),
            _ => PlainText.WriteErrorAsync(
                context,
                StatusCodes.Status400BadRequest,
                $"unexpected probe header value: \"{WebUtility.HtmlEncode(ProbeRequest.Echo(probe))}\""
            ),
        };

    // Without headers the revision is taken from the Host: revision.namespace.svc.domain.
    private (string Namespace, string Revision) Revision(HttpRequest request)
    {
        var ns = request.Headers[DataplaneHeaders.Namespace].ToString();
        var name = request.Headers[DataplaneHeaders.Revision].ToString();
        if (ns.Length != 0 && name.Length != 0)
            return (ns, name);
        var parts = request.Host.Host.Split('.', 4);
        return parts is [var revision, var inNamespace, "svc", var domain] && domain == clusterDomain
            ? (inNamespace, revision)
            : (ns, name);
    }
}
