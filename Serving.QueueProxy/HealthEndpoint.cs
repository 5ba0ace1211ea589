using Microsoft.AspNetCore.Http;
using Serving.Dataplane;
using Serving.Dataplane.Requests;
using Serving.QueueProxy.Readiness;

namespace Serving.QueueProxy;

/// <summary>Responds to probes of kubelet, activators and autoscalers, on any path.</summary>
internal sealed class HealthEndpoint(UserProber prober, Drainer drainer, RequestBudget? budget)
{
    /// <summary>Handles a probe; null when the request is not a probe and belongs to the user's program.</summary>
    public Task? TryAnswer(HttpContext context)
    {
        var request = context.Request;
        if (IsHealthCheck(request))
            return AnswerAsync(context);
        if (request.Headers[DataplaneHeaders.Probe] != DataplaneHeaders.ProbeValue)
            return null;
        return drainer.Draining ? ShuttingDownAsync(context) : ProbeRequest.AnswerNetworkProbeAsync(context);
    }

    // A probe names the component that must respond; a user agent alone, which any client can set, does not make a request a probe.
    private static bool IsHealthCheck(HttpRequest request) =>
        ProbeRequest.IsProbe(request)
        && (
            ProbeRequest.IsKubelet(request)
            || ProbeRequest.UserAgentStartsWith(request, DataplaneHeaders.ActivatorUserAgent)
            || ProbeRequest.UserAgentStartsWith(request, DataplaneHeaders.AutoscalingUserAgent)
        );

    private static Task ShuttingDownAsync(HttpContext context) =>
        PlainText.WriteErrorAsync(context, StatusCodes.Status503ServiceUnavailable, "shutting down");

    private async Task AnswerAsync(HttpContext context)
    {
        if (drainer.Draining)
        {
            await ShuttingDownAsync(context);
            return;
        }

        var asked = context.Request.Headers[DataplaneHeaders.Probe].ToString();
        if (asked != DataplaneHeaders.QueueName)
        {
            await PlainText.WriteErrorAsync(
                context,
                StatusCodes.Status400BadRequest,
                "unexpected probe header value: " + ProbeRequest.Echo(asked)
            );
            return;
        }

        if (budget is { IsSpent: true })
        {
            // Not 503, which looks like a mesh.
            await PlainText.WriteErrorAsync(context, StatusCodes.Status410Gone, ProxyEndpoint.Spent);
            return;
        }

        if (await prober.ProbeAsync(ProbeRequest.IsKubelet(context.Request)))
            await PlainText.WriteAsync(context, StatusCodes.Status200OK, DataplaneHeaders.QueueName);
        else
            await PlainText.WriteErrorAsync(
                context,
                StatusCodes.Status503ServiceUnavailable,
                "the containers of this pod do not pass their readiness probes"
            );
    }
}
