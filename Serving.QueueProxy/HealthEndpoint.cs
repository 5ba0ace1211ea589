using Microsoft.AspNetCore.Http;
using Serving.Dataplane;
using Serving.Dataplane.Requests;
using Serving.QueueProxy.Readiness;

namespace Serving.QueueProxy;

/// <summary>Responds to probes of kubelet, activators and autoscalers, on any path.</summary>
internal sealed class HealthEndpoint(UserProber prober, Drainer drainer, RequestBudget? budget)
{
    /// <summary>Handles a probe; null when it belongs to the user's program.</summary>
    /// <param name="context">The request.</param>
    /// <param name="asked">The component that must respond, as the probe names it.</param>
    public Task? TryAnswer(HttpContext context, string asked)
    {
        if (IsHealthCheck(context.Request))
            return AnswerAsync(context, asked);
        if (asked != DataplaneHeaders.ProbeValue)
            return null;
        return drainer.Draining ? ShuttingDownAsync(context) : ProbeRequest.AnswerNetworkProbeAsync(context);
    }

    private static bool IsHealthCheck(HttpRequest request) =>
        ProbeRequest.IsKubelet(request)
        || ProbeRequest.UserAgentStartsWith(request, DataplaneHeaders.ActivatorUserAgent)
        || ProbeRequest.UserAgentStartsWith(request, DataplaneHeaders.AutoscalingUserAgent);

    private static Task ShuttingDownAsync(HttpContext context) =>
        PlainText.WriteErrorAsync(context, StatusCodes.Status503ServiceUnavailable, "shutting down");

    private async Task AnswerAsync(HttpContext context, string asked)
    {
        if (drainer.Draining)
        {
            await ShuttingDownAsync(context);
            return;
        }

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
