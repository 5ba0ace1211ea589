using Serving.Api.Core;

namespace Serving.Api.Config;

/// <summary>config-domain: the domain of a Route, selected by its labels.</summary>
public sealed record DomainConfig
{
    /// <summary>The default: every Route is cluster-local.</summary>
    public static DomainConfig Default { get; } = new();

    /// <summary>Domain → labels that a Route must have (none: the default domain).</summary>
    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> Domains { get; init; } =
        new Dictionary<string, IReadOnlyDictionary<string, string>> { ["svc.cluster.local"] = Empty.Map };

    /// <summary>Domains that use a wildcard certificate: those with <c>type: wildcard</c> or without a selector.</summary>
    public IReadOnlySet<string> Wildcards { get; init; } = new HashSet<string>(StringComparer.Ordinal) { "svc.cluster.local" };

    /// <summary>The domain of cluster-local Routes: <c>svc.</c> followed by the cluster's domain.</summary>
    public string ClusterLocalDomain { get; init; } = "svc.cluster.local";

    /// <summary>The domain of an object with these labels; the cluster-local domain if its visibility is <c>cluster-local</c>.</summary>
    public string LookupDomainForLabels(IReadOnlyDictionary<string, string> labels)
    {
        if (labels.TryGetValue("networking.knative.dev/visibility", out var visibility) && visibility == "cluster-local")
            return ClusterLocalDomain;
        return SpecificSelector.Choose(Domains, labels) ?? "";
    }
}
