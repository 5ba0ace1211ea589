using Microsoft.AspNetCore.Http;
using Serving.Api.WellKnown;
using Serving.Dataplane.Requests;
using Serving.Networking.Gateway.Routing;
using Serving.Networking.Layers.Probing;

namespace Serving.Networking.Gateway.Proxying;

/// <summary>Responds to the probes with which Knative determines the version of an Ingress that a gateway routes.</summary>
internal static class NetworkProbe
{
    /// <summary>Whether the request is a network probe.</summary>
    public static bool Is(HttpRequest request) =>
        request.Headers.TryGetValue(Headers.NetworkProbe, out var probe) && probe.ToString() == NetworkProbeRequest.Value;

    /// <summary>
    /// Responds with the version in the probe, or with that of <paramref name="route"/> when the probe asks for it. A route whose backends
    /// have no endpoint gets a 503, as if the probe had been forwarded to them.
    /// </summary>
    public static Task AnswerAsync(HttpContext context, Route route)
    {
        var asked = context.Request.Headers[Headers.NetworkHash].ToString();
        if (asked.Length == 0)
        {
            return PlainText.WriteErrorAsync(
                context,
                StatusCodes.Status400BadRequest,
                $"a probe request must contain a non-empty \"{Headers.NetworkHash}\" header"
            );
        }

        if (!route.Splits.All(static split => split.Backend.Available))
        {
            return PlainText.WriteErrorAsync(context, StatusCodes.Status503ServiceUnavailable, "no endpoint is ready");
        }

        context.Response.Headers[Headers.NetworkHash] = asked == Headers.NetworkHashOverride ? route.Hash : ProbeRequest.Echo(asked);
        return Task.CompletedTask;
    }
}
