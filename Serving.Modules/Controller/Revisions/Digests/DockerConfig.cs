using System.IO.Enumeration;
using System.Text;
using System.Text.Json;

namespace Serving.Controller.Revisions.Digests;

/// <summary>
/// The logins of docker configuration files, in both of their formats. Invariant: of several entries that match an image the most specific
/// one is used, and of equally specific ones the first that was added.
/// </summary>
internal sealed class DockerConfig
{
    private readonly SortedDictionary<string, RegistryCredential> _entries = new(
        Comparer<string>.Create(static (a, b) => string.CompareOrdinal(b, a))
    );

    /// <summary>Adds <c>{"auths": {host: login}}</c>; throws <see cref="FormatException"/> for anything else.</summary>
    public void AddJson(byte[] file) => Add(file, static root => root.TryGetProperty("auths", out var auths) ? auths : default);

    /// <summary>Adds the legacy format <c>{host: login}</c>; throws <see cref="FormatException"/> for anything else.</summary>
    public void AddLegacy(byte[] file) => Add(file, static root => root);

    /// <summary>The login for an image (<c>registry/repository</c>), or null. Hosts may have wildcards, paths match as prefixes.</summary>
    public RegistryCredential? Find(string image)
    {
        var (host, path) = Split(image);
        foreach (var (key, credential) in _entries)
        {
            var (pattern, prefix) = Split(key);
            if (path.StartsWith(prefix, StringComparison.Ordinal) && HostMatches(pattern, host))
            {
                return credential;
            }
        }

        return null;
    }

    private void Add(byte[] file, Func<JsonElement, JsonElement> select)
    {
        try
        {
            using var document = JsonDocument.Parse(file);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new FormatException("a docker configuration must be an object");
            }

            var logins = select(document.RootElement);
            if (logins.ValueKind == JsonValueKind.Undefined)
            {
                return;
            }

            foreach (var login in logins.EnumerateObject())
            {
                _entries.TryAdd(Key(login.Name), Read(login.Value));
            }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new FormatException($"docker configuration: {error.Message}", error);
        }
    }

    private static RegistryCredential Read(JsonElement login)
    {
        var (user, password) = (Text(login, "username"), Text(login, "password"));
        if (Text(login, "auth") is { Length: > 0 } auth)
        {
            (user, password) = Decode(auth);
        }

        return new RegistryCredential(user, password, Text(login, "identitytoken"), Text(login, "registrytoken"));
    }

    private static string Text(JsonElement login, string name) =>
        login.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    private static (string User, string Password) Decode(string auth)
    {
        try
        {
            var trimmed = auth.Trim().TrimEnd('=');
            var text = Encoding.UTF8.GetString(Convert.FromBase64String(trimmed.PadRight((trimmed.Length + 3) / 4 * 4, '=')));
            return text.IndexOf(':', StringComparison.Ordinal) is >= 0 and var colon
                ? (text[..colon], text[(colon + 1)..])
                : throw new FormatException("must be formatted as base64(username:password)");
        }
        catch (FormatException error)
        {
            // The text is a secret: do not repeat it.
            throw new FormatException($"unable to decode auth field: {error.Message}", error);
        }
    }

    /// <summary>Normalizes an entry's name: no scheme, no API version that clients append, and Docker Hub's canonical name.</summary>
    private static string Key(string name)
    {
        var scheme = name.IndexOf("://", StringComparison.Ordinal);
        var (host, path) = Split(scheme >= 0 ? name[(scheme + 3)..] : name);
        if (path.StartsWith("/v1/", StringComparison.Ordinal) || path.StartsWith("/v2/", StringComparison.Ordinal))
        {
            path = path[3..];
        }

        host = host is "docker.io" or "registry-1.docker.io" ? ImageReference.DockerHub : host;
        return path is "/" or "/v1" or "/v2" ? host : host + path;
    }

    private static (string Host, string Path) Split(string value)
    {
        var slash = value.IndexOf('/', StringComparison.Ordinal);
        return slash < 0 ? (value, "") : (value[..slash], value[slash..]);
    }

    private static bool HostMatches(string pattern, string host)
    {
        var (wanted, wantedPort) = Port(pattern);
        var (given, givenPort) = Port(host);
        var (patterns, parts) = (wanted.Split('.'), given.Split('.'));
        return wantedPort == givenPort
            && patterns.Length == parts.Length
            && patterns.Zip(parts).All(static pair => FileSystemName.MatchesSimpleExpression(pair.First, pair.Second, ignoreCase: false));
    }

    private static (string Host, string Port) Port(string value)
    {
        var colon = value.LastIndexOf(':');
        return colon > value.LastIndexOf(']') ? (value[..colon], value[(colon + 1)..]) : (value, "");
    }
}
