using Microsoft.AspNetCore.Http;

namespace Serving.Dataplane.Requests;

/// <summary>Tells probes from requests.</summary>
public static class ProbeRequest
{
    private const int LongestEcho = 256;

    /// <summary>Whether the kubelet probes, or somebody who says so.</summary>
    public static bool IsKubelet(HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return UserAgentStartsWith(request, DataplaneHeaders.KubeProbeUserAgentPrefix) || request.Headers.ContainsKey(DataplaneHeaders.KubeletProbe);
    }

    /// <summary>
    /// Whether it is any probe, by a part of Knative or by the kubelet, which is asked to send <see cref="DataplaneHeaders.Probe"/> too. No
    /// user agent alone makes one: any client may claim it, and what is a probe is neither counted nor logged.
    /// </summary>
    public static bool IsProbe(HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return request.Headers.ContainsKey(DataplaneHeaders.Probe);
    }

    /// <summary>Whether the client's user agent starts with <paramref name="prefix"/>.</summary>
    public static bool UserAgentStartsWith(HttpRequest request, string prefix)
    {
        ArgumentNullException.ThrowIfNull(request);
        return request.Headers.UserAgent is [{ } agent, ..] && agent.StartsWith(prefix, StringComparison.Ordinal);
    }

    /// <summary>A value of a header that comes back in a response, bounded: a peer may send a long one.</summary>
    public static string Echo(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return value.Length <= LongestEcho ? value : value[..LongestEcho];
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

        context.Response.Headers[DataplaneHeaders.Hash] = Echo(hash);
        return Task.CompletedTask;
    }
}
