using Serving.Api.Core;

namespace Serving.Api.Config;

/// <summary>config-domain: which domain a Route gets, by its labels.</summary>
public sealed record DomainConfig
{
    /// <summary>The value when nothing is configured: every Route is cluster-local.</summary>
    public static DomainConfig Default { get; } = new();

    /// <summary>Domain → the labels a Route must have (none: the default domain).</summary>
    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> Domains { get; init; } =
        new Dictionary<string, IReadOnlyDictionary<string, string>> { ["svc.cluster.local"] = Empty.Map };

    /// <summary>Domains that are served by a wildcard certificate: those whose entry says <c>type: wildcard</c> or has no selector.</summary>
    public IReadOnlySet<string> Wildcards { get; init; } = new HashSet<string>(StringComparer.Ordinal) { "svc.cluster.local" };

    /// <summary>The domain of cluster-local Routes: <c>svc.</c> and the cluster's domain.</summary>
    public string ClusterLocalDomain { get; init; } = "svc.cluster.local";

    /// <summary>The domain of an object with these labels; the cluster's own when its visibility is <c>cluster-local</c>.</summary>
    public string LookupDomainForLabels(IReadOnlyDictionary<string, string> labels)
    {
        if (labels.TryGetValue("networking.knative.dev/visibility", out var visibility) && visibility == "cluster-local") return ClusterLocalDomain;
        return SpecificSelector.Choose(Domains, labels) ?? "";
    }
}
