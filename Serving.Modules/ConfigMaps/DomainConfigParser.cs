using Serving.Api.Config;
using Serving.Api.Core;

namespace Serving.ConfigMaps;

/// <summary>Parses config-domain: every key except <c>_example</c> is a domain.</summary>
public static class DomainConfigParser
{
    /// <summary>The ConfigMap's name.</summary>
    public const string Name = "config-domain";

    /// <summary>Parses the data. Throws <see cref="ConfigMapException"/>.</summary>
    /// <param name="data">The ConfigMap's data.</param>
    /// <param name="clusterDomain">The cluster's domain, such as <c>cluster.local</c>, from which the default domain is derived.</param>
    public static DomainConfig Parse(IReadOnlyDictionary<string, string> data, string clusterDomain = "cluster.local")
    {
        var local = "svc." + clusterDomain;
        var domains = new Dictionary<string, IReadOnlyDictionary<string, string>>(StringComparer.Ordinal);
        var wildcards = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (domain, text) in data)
        {
            if (domain == ExampleBlock.Key)
                continue;
            if (!LabelSyntax.IsSubdomain(domain) || domain.Split('.').Any(static label => label.Length > 63))
            {
                throw new ConfigMapException(
                    Name,
                    domain,
                    $"\"{domain}\" is not a domain: it must consist of lower case letters, digits, '-' and '.', and begin and end with a letter or digit, as example.com"
                );
            }

            var (selector, type) = Entry(domain, text);
            foreach (var (label, value) in selector)
            {
                if (!LabelSyntax.IsKey(label) || !LabelSyntax.IsValue(value))
                {
                    throw new ConfigMapException(
                        Name,
                        domain,
                        $"\"{domain}\" has a selector that no Route can match: {label}={value} is no label"
                    );
                }
            }

            domains[domain] = selector;
            if (selector.Count == 0 || type == "wildcard")
                wildcards.Add(domain);
        }

        if (domains.Values.All(selector => selector.Count > 0))
        {
            domains[local] = Empty.Map;
            wildcards.Add(local);
        }

        return new DomainConfig
        {
            Domains = domains,
            Wildcards = wildcards,
            ClusterLocalDomain = local,
        };
    }

    private static (IReadOnlyDictionary<string, string> Selector, string Type) Entry(string domain, string text)
    {
        try
        {
            var entries = YamlText.Map(text);
            return (
                YamlText.Strings(entries, "selector"),
                entries.Where(e => e.Key == "type").Select(e => YamlText.Scalar(e.Value)).FirstOrDefault("")
            );
        }
        catch (FormatException wrong)
        {
            throw new ConfigMapException(Name, domain, $"failed to parse \"{domain}\": {wrong.Message}", wrong);
        }
    }
}
