using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Controller.Common;

namespace Serving.Controller.Routes;

/// <summary>Computes the hosts of a Route from the templates and domains of the configuration.</summary>
internal sealed class RouteDomains(ObjectMeta route, ConfigSnapshot config, string clusterDomain)
{
    /// <summary>The Service name and host label of a tag; without a tag, the Route's own name. Throws
    /// <see cref="DomainNameException"/>.</summary>
    public string Hostname(string tag)
    {
        if (tag.Length == 0)
        {
            return route.Name;
        }

        try
        {
            return config.Network.TagName(new TagTemplateValues(route.Name, tag));
        }
        catch (FormatException error)
        {
            throw new DomainNameException($"domain name error: error executing the TagTemplate: {error.Message}", error);
        }
    }

    /// <summary>The full name of a host label with the Route's own labels.</summary>
    public string Domain(string hostname) => Domain(hostname, route.Labels);

    /// <summary>The full name of a tag's host, cluster-local or external.</summary>
    public string Domain(string tag, bool clusterLocal) =>
        Domain(
            Hostname(tag),
            clusterLocal
                ? Maps.Union(route.Labels, new Dictionary<string, string> { [NetworkingKeys.Visibility] = NetworkingKeys.ClusterLocal })
                : route.Labels.Without(key => key == NetworkingKeys.Visibility)
        );

    /// <summary>Every cluster-local form of this name, sorted.</summary>
    public IReadOnlyList<string> Expand(string domain) => HostNames.Expand([domain], clusterDomain);

    /// <summary>Whether the name is cluster-local.</summary>
    public bool IsClusterLocal(string domain) => domain.EndsWith(clusterDomain, StringComparison.Ordinal);

    /// <summary>Whether the domain for the Route's labels is the cluster's own.</summary>
    public bool IsClusterLocalByDefault => config.Domain.LookupDomainForLabels(route.Labels) == "svc." + clusterDomain;

    /// <summary>The domain for the Route's labels.</summary>
    public string BaseDomain => config.Domain.LookupDomainForLabels(route.Labels);

    private string Domain(string hostname, IReadOnlyDictionary<string, string> labels)
    {
        var values = new DomainTemplateValues(hostname, route.Namespace, config.Domain.LookupDomainForLabels(labels))
        {
            Annotations = route.Annotations,
            Labels = labels,
        };
        string name;
        try
        {
            name =
                labels.Get(NetworkingKeys.Visibility) == NetworkingKeys.ClusterLocal
                    ? NetworkConfig.Default.DomainName(values)
                    : config.Network.DomainName(values);
        }
        catch (FormatException error)
        {
            throw new DomainNameException($"domain name error: error executing the DomainTemplate: {error.Message}", error);
        }

        return Problem(name) is { } problem
            ? throw new DomainNameException($"domain name error: invalid domain name \"{name}\": url: Invalid value: {problem}")
            : name;
    }

    private static string? Problem(string name)
    {
        const string Subdomain =
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
        var labels = name.Split('.');
        if (name.Length > 253)
        {
            return $"\"{name}\": must be no more than 253 characters";
        }

        if (
            labels.Any(label =>
                label.Length == 0
                || label[0] == '-'
                || label[^1] == '-'
                || !label.All(c => c == '-' || char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c))
            )
        )
        {
            return $"\"{name}\": {Subdomain}";
        }

        if (labels.Length < 2)
        {
            return $"\"{name}\": should be a domain with at least two segments separated by dots";
        }

        return Array.Find(labels, label => label.Length > 63) is { } longest ? $"\"{longest}\": must be no more than 63 characters" : null;
    }
}
