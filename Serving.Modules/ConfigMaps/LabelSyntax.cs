using System.Text.RegularExpressions;

namespace Serving.ConfigMaps;

/// <summary>Kubernetes' syntax of label keys, label values and DNS names.</summary>
internal static partial class LabelSyntax
{
    public static bool IsSubdomain(string text) => text.Length is > 0 and <= 253 && Subdomain().IsMatch(text);

    /// <summary>A DNS label: the syntax of container names, and of Service names in the cluster's DNS.</summary>
    public static bool IsLabel(string text) =>
        text.Length is > 0 and <= 63 && Subdomain().IsMatch(text) && !text.Contains('.', StringComparison.Ordinal);

    public static bool IsValue(string text) => text.Length == 0 || IsName(text);

    public static bool IsKey(string text)
    {
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        return slash < 0 ? IsName(text) : IsSubdomain(text[..slash]) && IsName(text[(slash + 1)..]);
    }

    private static bool IsName(string text) => text.Length is > 0 and <= 63 && Name().IsMatch(text);

    [GeneratedRegex(@"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\z")]
    private static partial Regex Subdomain();

    [GeneratedRegex(@"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?\z")]
    private static partial Regex Name();
}
