using Serving.Api.Networking;
using Serving.Api.WellKnown;

namespace Serving.Networking.Layers;

/// <summary>
/// The routes by which a data plane reports the version of an Ingress that it has. Each path gets a copy in front of it that matches only
/// probes and sets their header K-Network-Hash to the hash. The backend echoes that header.
/// </summary>
public static class ProbeRoutes
{
    /// <summary>The Ingress with the routes of probes before its own.</summary>
    /// <param name="ingress">The Ingress with defaults.</param>
    /// <param name="hash">Its hash.</param>
    public static Ingress Insert(Ingress ingress, string hash)
    {
        ArgumentNullException.ThrowIfNull(ingress);
        return ingress with { Spec = ingress.Spec with { Rules = [.. ingress.Spec.Rules.Select(rule => Insert(ingress, rule, hash))] } };
    }

    private static IngressRule Insert(Ingress ingress, IngressRule rule, string hash)
    {
        if (rule.Http is not { } http)
        {
            throw new InvalidOperationException(
                $"Ingress {ingress.Metadata.Namespace}/{ingress.Metadata.Name}: spec.rules: the rule of {string.Join(", ", rule.Hosts)} has no http"
            );
        }

        return rule with
        {
            Http = http with { Paths = [.. http.Paths.Select(path => ForProbes(path, hash)), .. http.Paths] },
        };
    }

    private static HttpIngressPath ForProbes(HttpIngressPath path, string hash) =>
        path with
        {
            Headers = new Dictionary<string, HeaderMatch>(path.Headers ?? new Dictionary<string, HeaderMatch>(), StringComparer.Ordinal)
            {
                [Headers.NetworkHash] = new HeaderMatch { Exact = Headers.NetworkHashOverride },
            },
            AppendHeaders = new Dictionary<string, string>(path.AppendHeaders, StringComparer.Ordinal) { [Headers.NetworkHash] = hash },
        };
}
