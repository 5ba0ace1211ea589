using Microsoft.AspNetCore.Http;

namespace Serving.Dataplane.Requests;

/// <summary>Distinguishes probes from requests.</summary>
public static class ProbeRequest
{
    private const int LongestEcho = 256;

    /// <summary>Whether the request is a kubelet probe, or claims to be one.</summary>
    public static bool IsKubelet(HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return UserAgentStartsWith(request, DataplaneHeaders.KubeProbeUserAgentPrefix)
            || request.Headers.ContainsKey(DataplaneHeaders.KubeletProbe);
    }

    /// <summary>
    /// Whether the request is a probe of a Knative component or of the kubelet, whose probes also carry
    /// <see cref="DataplaneHeaders.Probe"/>. The user agent alone is not enough: any client can set it, and probes are neither counted nor
    /// logged.
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

    /// <summary>A header value, truncated so that it can be echoed in a response.</summary>
    public static string Echo(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return value.Length <= LongestEcho ? value : value[..LongestEcho];
    }

    /// <summary>
    /// Responds to a network probe (<c>K-Network-Probe: probe</c>) with the hash from the request; a probe without a hash is a bad request.
    /// </summary>
    public static Task AnswerNetworkProbeAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var hash = context.Request.Headers[DataplaneHeaders.Hash].ToString();
        if (hash.Length == 0)
        {
            return PlainText.WriteErrorAsync(
                context,
                StatusCodes.Status400BadRequest,
                $"a probe request must contain a non-empty \"{DataplaneHeaders.Hash}\" header"
            );
        }

        context.Response.Headers[DataplaneHeaders.Hash] = Echo(hash);
        return Task.CompletedTask;
    }
}
