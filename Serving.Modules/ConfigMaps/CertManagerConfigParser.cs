using Serving.Api.Config;

namespace Serving.ConfigMaps;

/// <summary>Parses config-certmanager.</summary>
public static class CertManagerConfigParser
{
    /// <summary>The ConfigMap's name.</summary>
    public const string Name = "config-certmanager";

    /// <summary>Parses the data. Throws <see cref="ConfigMapException"/>.</summary>
    public static CertManagerConfig Parse(IReadOnlyDictionary<string, string> data) =>
        new()
        {
            IssuerRef = Checked(data, "issuerRef"),
            ClusterLocalIssuerRef = Checked(data, "clusterLocalIssuerRef"),
            SystemInternalIssuerRef = Checked(data, "systemInternalIssuerRef"),
        };

    private static IssuerReference Checked(IReadOnlyDictionary<string, string> data, string key)
    {
        var issuer = Issuer(data, key);
        if (
            !LabelSyntax.IsSubdomain(issuer.Name)
            || issuer.Kind.Length == 0
            || !issuer.Kind.All(char.IsAsciiLetterOrDigit)
            || (issuer.Group.Length > 0 && !LabelSyntax.IsSubdomain(issuer.Group))
        )
        {
            throw new ConfigMapException(
                Name,
                key,
                $"{key} names {GoValues.Quote(issuer.Name)} of kind {GoValues.Quote(issuer.Kind)} and group {GoValues.Quote(issuer.Group)}, which is no issuer: give the name and the kind of one that exists"
            );
        }

        return issuer;
    }

    private static IssuerReference Issuer(IReadOnlyDictionary<string, string> data, string key)
    {
        if (!data.TryGetValue(key, out var text))
            return IssuerReference.SelfSigned;
        try
        {
            var fields = YamlText.Map(text).ToDictionary(e => e.Key, e => YamlText.Scalar(e.Value), StringComparer.Ordinal);
            return new IssuerReference(
                fields.GetValueOrDefault("name", IssuerReference.SelfSigned.Name),
                fields.GetValueOrDefault("kind", IssuerReference.SelfSigned.Kind),
                fields.GetValueOrDefault("group", "")
            );
        }
        catch (FormatException wrong)
        {
            throw new ConfigMapException(Name, key, $"failed to parse \"{key}\": {wrong.Message}", wrong);
        }
    }
}
