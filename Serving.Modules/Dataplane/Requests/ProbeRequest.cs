using Microsoft.AspNetCore.Http;

namespace Serving.Dataplane.Requests;

/// <summary>Tells probes from requests.</summary>
public static class ProbeRequest
{
    /// <summary>Whether the kubelet probes, or somebody who says so.</summary>
    public static bool IsKubelet(HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return UserAgentStartsWith(request, DataplaneHeaders.KubeProbeUserAgentPrefix) || request.Headers.ContainsKey(DataplaneHeaders.KubeletProbe);
    }

    /// <summary>Whether it is any probe, by the kubelet or by a part of Knative.</summary>
    public static bool IsProbe(HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return request.Headers.ContainsKey(DataplaneHeaders.Probe) || IsKubelet(request);
    }

    /// <summary>Whether the client's user agent starts with <paramref name="prefix"/>.</summary>
    public static bool UserAgentStartsWith(HttpRequest request, string prefix)
    {
        ArgumentNullException.ThrowIfNull(request);
        return request.Headers.UserAgent is [{ } agent, ..] && agent.StartsWith(prefix, StringComparison.Ordinal);
    }

    /// <summary>
    /// Answers a probe of the network (<c>K-Network-Probe: probe</c>): the hash of the request comes back; without one it
    /// is a bad request.
    /// </summary>
    public static Task AnswerNetworkProbeAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var hash = context.Request.Headers[DataplaneHeaders.Hash].ToString();
        if (hash.Length == 0)
        {
            return PlainText.WriteErrorAsync(
                context, StatusCodes.Status400BadRequest, $"a probe request must contain a non-empty \"{DataplaneHeaders.Hash}\" header");
        }

        context.Response.Headers[DataplaneHeaders.Hash] = hash;
        return Task.CompletedTask;
    }
}
