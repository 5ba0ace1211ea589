using Serving.Api.WellKnown;

namespace Serving.Networking.Layers.Probing;

/// <summary>The requests that ask a data plane for the version of an Ingress that it routes.</summary>
public static class NetworkProbeRequest
{
    /// <summary>The value of the header K-Network-Probe.</summary>
    public const string Value = "probe";

    /// <summary>The path of probes, which the activator and the queue-proxy know.</summary>
    public const string Path = "/healthz";

    /// <summary>Adds the headers of a probe.</summary>
    public static void AddHeaders(HttpRequestMessage request)
    {
        ArgumentNullException.ThrowIfNull(request);
        request.Headers.TryAddWithoutValidation("User-Agent", Headers.IngressProbeUserAgent);
        request.Headers.TryAddWithoutValidation(Headers.NetworkProbe, Value);
        request.Headers.TryAddWithoutValidation(Headers.NetworkHash, Headers.NetworkHashOverride);
    }

    /// <summary>The hash in a response; null when it has none.</summary>
    public static string? HashOf(HttpResponseMessage response)
    {
        ArgumentNullException.ThrowIfNull(response);
        return response.Headers.TryGetValues(Headers.NetworkHash, out var values) ? string.Join(",", values) : null;
    }
}
