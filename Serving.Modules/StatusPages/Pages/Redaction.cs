using System.Collections.Frozen;
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

    private static readonly FrozenSet<string> Secrets = FrozenSet.Create(
        StringComparer.Ordinal,
        "password",
        "passwords",
        "passwd",
        "passphrase",
        "secret",
        "secrets",
        "token",
        "tokens",
        "credential",
        "credentials",
        "bearer",
        "authorization",
        "apikey",
        "accesskey",
        "privatekey"
    );

    /// <summary>Words that make a following <c>key</c> a secret.</summary>
    private static readonly FrozenSet<string> Keys = FrozenSet.Create(
        StringComparer.Ordinal,
        "access",
        "api",
        "auth",
        "encryption",
        "private",
        "signing"
    );

    /// <summary>Last words of keys that say something about a secret and do not contain it.</summary>
    private static readonly FrozenSet<string> AboutSecrets = FrozenSet.Create(
        StringComparer.Ordinal,
        "audience",
        "audiences",
        "file",
        "name",
        "namespace",
        "path",
        "selector"
    );

    /// <summary>The value of a key without secrets, cut to <see cref="MostCharacters"/>.</summary>
    public static string Apply(string key, string value)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(value);
        if (value.Length > 0 && NamesSecret(key))
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

    /// <summary>Whether a key names a secret by one of its words, and not only where one is or for whom, such as
    /// <c>queue-sidecar-token-audiences</c>.</summary>
    private static bool NamesSecret(string key)
    {
        var words = Word().Matches(key).Select(static word => word.Value.ToLowerInvariant()).ToList();
        return words.Count > 0
            && !AboutSecrets.Contains(words[^1])
            && (
                words.Exists(Secrets.Contains)
                || words.Zip(words.Skip(1)).Any(static pair => pair.Second == "key" && Keys.Contains(pair.First))
            );
    }

    private static string Cut(string value) =>
        value.Length <= MostCharacters ? value : string.Concat(value.AsSpan(0, MostCharacters), $"… ({value.Length} characters)");

    /// <summary>The words of a key, also of one in camel case.</summary>
    [GeneratedRegex("[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")]
    private static partial Regex Word();

    /// <summary>Up to the last @ before the path: a password may contain one.</summary>
    [GeneratedRegex(@"([a-z][a-z0-9+.-]*://)[^/?#\s]*@", RegexOptions.IgnoreCase)]
    private static partial Regex UserInfo();

    [GeneratedRegex(
        @"((?:password|passwd|passphrase|secret|token|credentials?|api[_-]?key|access[_-]?key|private[_-]?key|signature|sig|sas|authorization)[""']?\s*[=:]\s*[""']?)[^\s&;,""']+",
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
