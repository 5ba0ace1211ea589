using System.Globalization;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Templates;

namespace Serving.ConfigMaps;

/// <summary>Parses config-network, including the camel-case and dotted keys of older releases, which the newer ones override.</summary>
public static class NetworkConfigParser
{
    /// <summary>The ConfigMap's name.</summary>
    public const string Name = "config-network";

    /// <summary>Parses and validates the data. Throws <see cref="ConfigMapException"/>.</summary>
    public static NetworkConfig Parse(IReadOnlyDictionary<string, string> data)
    {
        var from = new ConfigData(Name, data);
        var d = NetworkConfig.Default;
        var rollout = from.Int64("rollout-duration", from.Int64("rolloutDuration", d.RolloutDuration));
        from.Require(
            rollout is >= 0 and <= int.MaxValue,
            "rollout-duration",
            string.Create(CultureInfo.InvariantCulture, $"rollout-duration must be a positive integer, but was {rollout}")
        );
        var config = new NetworkConfig
        {
            IngressClass = from.String("ingress-class", from.String("ingress.class", d.IngressClass)),
            CertificateClass = from.String("certificate-class", from.String("certificate.class", d.CertificateClass)),
            DomainTemplate = from.String("domain-template", from.String("domainTemplate", d.DomainTemplate)),
            TagTemplate = from.String("tag-template", from.String("tagTemplate", d.TagTemplate)),
            RolloutDuration = (int)rollout,
            AutocreateClusterDomainClaims = from.Bool(
                "autocreate-cluster-domain-claims",
                from.Bool("autocreateClusterDomainClaims", d.AutocreateClusterDomainClaims)
            ),
            EnableMeshPodAddressability = from.Bool("enable-mesh-pod-addressability", d.EnableMeshPodAddressability),
            DefaultExternalScheme = from.String("default-external-scheme", from.String("defaultExternalScheme", d.DefaultExternalScheme)),
            MeshCompatibilityMode = from.Choice("mesh-compatibility-mode", d.MeshCompatibilityMode),
            NamespaceWildcardCertSelector = from.Read<LabelSelector?>("namespace-wildcard-cert-selector", null, Selector),
            ExternalDomainTls =
                IsEnabled(from, "external-domain-tls") ?? IsEnabled(from, "auto-tls") ?? IsEnabled(from, "autoTLS") ?? false,
            ClusterLocalDomainTls = Encryption(from, "cluster-local-domain-tls"),
            SystemInternalTls = Encryption(from, "system-internal-tls") | from.Bool("internal-encryption", false),
            HttpProtocol = Protocol(from),
        };
        from.RequireName("ingress-class", config.IngressClass, "ingress class");
        from.RequireName("certificate-class", config.CertificateClass, "certificate class");
        from.Require(
            config.DefaultExternalScheme is "http" or "https",
            "default-external-scheme",
            $"default-external-scheme is {GoValues.Quote(config.DefaultExternalScheme)}: it must be http or https"
        );
        return config with { DomainName = DomainNamer(from, config.DomainTemplate), TagName = TagNamer(from, config.TagTemplate) };
    }

    private static bool? IsEnabled(ConfigData from, string key) =>
        from.Raw.TryGetValue(key, out var text) ? text.Equals("enabled", StringComparison.OrdinalIgnoreCase) : null;

    private static bool Encryption(ConfigData from, string key)
    {
        var text = from.Raw.GetValueOrDefault(key, "");
        return text.ToLowerInvariant() switch
        {
            "" or "disabled" => false,
            "enabled" => true,
            _ => throw from.Refuse(key, $"{key} with value: {GoValues.Quote(text)} in config-network ConfigMap is not supported"),
        };
    }

    private static HttpProtocol Protocol(ConfigData from)
    {
        var text = from.Raw.GetValueOrDefault("http-protocol", from.Raw.GetValueOrDefault("httpProtocol", ""));
        return text.ToLowerInvariant() switch
        {
            "" or "enabled" => HttpProtocol.Enabled,
            "disabled" => HttpProtocol.Disabled,
            "redirected" => HttpProtocol.Redirected,
            _ => throw from.Refuse("http-protocol", $"httpProtocol {text} in config-network ConfigMap is not supported"),
        };
    }

    private static Func<DomainTemplateValues, string> DomainNamer(ConfigData from, string text)
    {
        const string key = "domain-template";
        var template = Parsed(from, key, text);
        string Apply(DomainTemplateValues values) => template.Execute(TemplateData.Of(values));
        try
        {
            var sample = Apply(new DomainTemplateValues("foo", "bar", "baz.com"));
            from.Require(sample.Length > 0 && sample[0] is not ('/' or '?' or '#'), key, "empty hostname");
            from.Require(
                Uri.TryCreate("https://" + sample, UriKind.Absolute, out var uri),
                key,
                $"domain template gives {GoValues.Quote(sample)}, which is not a hostname"
            );
            from.Require(uri!.PathAndQuery == "/", key, $"domain template has url path: {uri.PathAndQuery}");

            // What depends on labels and annotations may be incomplete here; the rest must be valid in a host name.
            var mayBeIncomplete =
                text.Contains(".Labels", StringComparison.Ordinal) || text.Contains(".Annotations", StringComparison.Ordinal);
            from.Require(
                mayBeIncomplete
                    ? sample.All(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '.')
                    : LabelSyntax.IsSubdomain(sample),
                key,
                $"domain template gives {GoValues.Quote(sample)}, which is not a hostname: it must consist of lower case letters, digits, '-' and '.'"
            );
        }
        catch (TemplateException wrong)
        {
            throw from.Refuse(key, wrong.Message, wrong);
        }

        return Apply;
    }

    private static Func<TagTemplateValues, string> TagNamer(ConfigData from, string text)
    {
        const string key = "tag-template";
        var template = Parsed(from, key, text);
        string Apply(TagTemplateValues values) => template.Execute(TemplateData.Of(values));
        try
        {
            var sample = Apply(new TagTemplateValues("foo", "v2"));
            from.Require(
                LabelSyntax.IsLabel(sample),
                key,
                $"tag template gives {GoValues.Quote(sample)}, which is not a label of a hostname: it must consist of lower case letters, digits and '-'"
            );
            from.Require(
                sample != Apply(new TagTemplateValues("foo", "v3")),
                key,
                "tag template gives all tags of a Route the same hostname: use {{.Tag}} in it"
            );
        }
        catch (TemplateException wrong)
        {
            throw from.Refuse(key, wrong.Message, wrong);
        }

        return Apply;
    }

    private static Template Parsed(ConfigData from, string key, string text)
    {
        try
        {
            return Template.Parse(key, text);
        }
        catch (TemplateException wrong)
        {
            throw from.Refuse(key, wrong.Message, wrong);
        }
    }

    private static LabelSelector? Selector(string text) => text.Length == 0 ? null : SelectorText.Parse(YamlText.Map(text));
}
