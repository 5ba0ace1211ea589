using System.Net.Http.Headers;

namespace Serving.Controller.Revisions.Digests.Registries;

/// <summary>A registry's authentication challenge (RFC 6750, and the variants that registries use).</summary>
/// <param name="IsBearer">Whether it asks for a token of the realm; otherwise for a user name and password.</param>
/// <param name="Realm">The URL of the token service.</param>
/// <param name="Service">The service that the token is for.</param>
/// <param name="Scope">The scope of the token; empty when the registry does not specify one.</param>
internal sealed record Challenge(bool IsBearer, string Realm, string Service, string Scope)
{
    /// <summary>The first supported challenge, or null.</summary>
    public static Challenge? Of(HttpResponseMessage response) =>
        response.Headers.WwwAuthenticate.Select(Read).FirstOrDefault(static challenge => challenge is not null);

    private static Challenge? Read(AuthenticationHeaderValue header)
    {
        if (header.Scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase))
        {
            return new Challenge(false, "", "", "");
        }

        if (!header.Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        var parameters = Parameters(header.Parameter ?? "");
        return new Challenge(
            true,
            parameters.GetValueOrDefault("realm", ""),
            parameters.GetValueOrDefault("service", ""),
            parameters.GetValueOrDefault("scope", "")
        );
    }

    private static Dictionary<string, string> Parameters(string text)
    {
        var result = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        var rest = text.AsSpan();
        while (rest.IndexOf('=') is >= 0 and var equals)
        {
            var name = rest[..equals].Trim(", ").ToString();
            rest = rest[(equals + 1)..];
            var quoted = rest is ['"', ..];
            rest = quoted ? rest[1..] : rest;
            var end = rest.IndexOf(quoted ? '"' : ',');
            result[name] = (end < 0 ? rest : rest[..end]).Trim().ToString();
            rest = end < 0 ? default : rest[(end + 1)..];
        }

        return result;
    }
}
