using System.Text.RegularExpressions;

namespace Serving.StatusPages.Pages;

/// <summary>
/// Removes what looks like a secret from a value of the configuration. ConfigMaps should not contain any, but URLs with credentials are a
/// common way to configure a collector. Invariant: it never returns a part of what it recognizes.
/// </summary>
internal static partial class Redaction
{
    /// <summary>The text in place of a secret.</summary>
    public const string Hidden = "[redacted]";

    /// <summary>The longest value that is shown.</summary>
    public const int MostCharacters = 2000;

    /// <summary>The value of a key without secrets, cut to <see cref="MostCharacters"/>.</summary>
    public static string Apply(string key, string value)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(value);
        if (value.Length > 0 && SecretKey().IsMatch(key))
        {
            return Hidden;
        }

        return Cut(Text(value));
    }

    /// <summary>A text, such as an error message, without secrets.</summary>
    public static string Text(string value)
    {
        value = UserInfo().Replace(value, $"$1{Hidden}@");
        value = Scheme().Replace(value, $"$1 {Hidden}");
        value = Assignment().Replace(value, $"$1{Hidden}");
        value = Jwt().Replace(value, Hidden);
        return Pem().Replace(value, Hidden);
    }

    private static string Cut(string value) =>
        value.Length <= MostCharacters ? value : string.Concat(value.AsSpan(0, MostCharacters), $"… ({value.Length} characters)");

    [GeneratedRegex(
        @"(^|[._-])(password|passwd|secret|credentials?|api-?key|access-?key|private-?key|bearer|auth-?token|authorization)($|[._-])",
        RegexOptions.IgnoreCase
    )]
    private static partial Regex SecretKey();

    /// <summary>Up to the last @ before the path: a password may contain one.</summary>
    [GeneratedRegex(@"([a-z][a-z0-9+.-]*://)[^/?#\s]*@", RegexOptions.IgnoreCase)]
    private static partial Regex UserInfo();

    [GeneratedRegex(
        @"((?:password|passwd|secret|token|api[_-]?key|access[_-]?key|signature|sig|sas|authorization)[""']?\s*[=:]\s*[""']?)[^\s&;,""']+",
        RegexOptions.IgnoreCase
    )]
    private static partial Regex Assignment();

    [GeneratedRegex(@"\b(Bearer|Basic)\s+[A-Za-z0-9+/=._~-]{6,}", RegexOptions.IgnoreCase)]
    private static partial Regex Scheme();

    [GeneratedRegex(@"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")]
    private static partial Regex Jwt();

    [GeneratedRegex(@"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(-----END [A-Z ]*PRIVATE KEY-----|$)")]
    private static partial Regex Pem();
}
