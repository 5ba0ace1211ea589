using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;

namespace Serving.Controller.Revisions.Digests.Registries;

/// <summary>
/// Requests one manifest from one registry (OCI distribution API). Invariant: credentials are sent only to the registry itself and to the
/// token service that it names, only after the registry has asked for them, and not over plain HTTP unless the registry itself uses plain
/// HTTP.
/// </summary>
internal sealed class RegistrySession(
    HttpClient http,
    ImageReference image,
    string userAgent,
    Func<CancellationToken, Task<RegistryCredential?>> credential,
    TimeProvider time
)
{
    private const string ClientId = "serving";

    private static readonly MediaTypeWithQualityHeaderValue[] ManifestTypes =
    [
        new("application/vnd.oci.image.index.v1+json"),
        new("application/vnd.docker.distribution.manifest.list.v2+json"),
        new("application/vnd.oci.image.manifest.v1+json"),
        new("application/vnd.docker.distribution.manifest.v2+json"),
    ];

    private static readonly TimeSpan[] RetryDelays = [TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(300)];

    private string _scheme = Uri.UriSchemeHttps;
    private AuthenticationHeaderValue? _authorization;

    /// <summary>The digest that the tag points to; for an index, the digest of the index itself. Throws <see cref="RegistryException"/>
    /// with the registry's response.</summary>
    public async Task<string> DigestAsync(CancellationToken cancellation)
    {
        using var head = await AskAsync(HttpMethod.Head, cancellation);
        if (head.IsSuccessStatusCode && DigestOf(head) is { } digest)
        {
            return digest;
        }

        // A HEAD response has no body with an error to report, and some registries do not support HEAD or omit the digest.
        using var get = await AskAsync(HttpMethod.Get, cancellation);
        if (!get.IsSuccessStatusCode)
        {
            throw await RegistryResponses.RefusalAsync(get, cancellation);
        }

        return DigestOf(get) ?? "sha256:" + Convert.ToHexStringLower(SHA256.HashData(await RegistryResponses.ReadAsync(get, cancellation)));
    }

    private static string? DigestOf(HttpResponseMessage response) =>
        response.Headers.TryGetValues("Docker-Content-Digest", out var values)
        && values.FirstOrDefault() is { } digest
        && ImageReference.IsDigest(digest)
            ? digest
            : null;

    /// <summary>Sends a manifest request, and again with credentials when the registry asks for them and there are some.</summary>
    private async Task<HttpResponseMessage> AskAsync(HttpMethod method, CancellationToken cancellation)
    {
        var response = await SendManifestRequestAsync(method, cancellation);
        if (response.StatusCode != HttpStatusCode.Unauthorized || _authorization is not null)
        {
            return response;
        }

        using (response)
        {
            if (Challenge.Of(response) is not { } challenge)
            {
                throw await RegistryResponses.RefusalAsync(response, cancellation);
            }

            var login = await credential(cancellation);
            _authorization =
                login?.RegistryToken.Length > 0 || !challenge.IsBearer
                    ? login?.ToHeader()
                    : new AuthenticationHeaderValue("Bearer", await TokenAsync(challenge, login, cancellation));
        }

        return await SendManifestRequestAsync(method, cancellation);
    }

    private async Task<HttpResponseMessage> SendManifestRequestAsync(HttpMethod method, CancellationToken cancellation)
    {
        HttpRequestMessage Request()
        {
            var message = new HttpRequestMessage(method, $"{_scheme}://{image.Registry}/v2/{image.Repository}/manifests/{image.Tag}");
            foreach (var type in ManifestTypes)
            {
                message.Headers.Accept.Add(type);
            }

            message.Headers.Authorization = _authorization;
            return message;
        }

        try
        {
            return await SendAsync(Request, cancellation);
        }
        catch (HttpRequestException) when (_scheme == Uri.UriSchemeHttps && _authorization is null && image.AllowsPlainHttp)
        {
            _scheme = Uri.UriSchemeHttp;
            return await SendAsync(Request, cancellation);
        }
    }

    /// <summary>Gets a token for reading the repository (docker token specification; OAuth2 with an identity token).</summary>
    private async Task<string> TokenAsync(Challenge challenge, RegistryCredential? login, CancellationToken cancellation)
    {
        if (!Uri.TryCreate(challenge.Realm, UriKind.Absolute, out var realm) || realm.Scheme is not ("https" or "http"))
        {
            throw new RegistryException($"malformed www-authenticate, missing realm: \"{challenge.Realm}\"");
        }

        if (login is not null && realm.Scheme == Uri.UriSchemeHttp && _scheme != Uri.UriSchemeHttp)
        {
            throw new RegistryException(
                $"{realm.GetLeftPart(UriPartial.Path)}: the registry wants a login to be sent over plain HTTP, which it is not"
            );
        }

        var scope = challenge.Scope.Length > 0 ? challenge.Scope : $"repository:{image.Repository}:pull";
        if (login?.IdentityToken.Length > 0)
        {
            using var exchanged = await SendAsync(() => Exchange(realm, challenge.Service, scope, login.IdentityToken), cancellation);
            if (exchanged.StatusCode != HttpStatusCode.NotFound)
            {
                return await ReadTokenAsync(exchanged, cancellation);
            }
        }

        using var response = await SendAsync(() => Ask(realm, challenge.Service, scope, login), cancellation);
        return await ReadTokenAsync(response, cancellation);
    }

    private static HttpRequestMessage Exchange(Uri realm, string service, string scope, string identityToken)
    {
        var form = new Dictionary<string, string>
        {
            ["grant_type"] = "refresh_token",
            ["refresh_token"] = identityToken,
            ["client_id"] = ClientId,
            ["scope"] = scope,
        };
        if (service.Length > 0)
        {
            form["service"] = service;
        }

        return new HttpRequestMessage(HttpMethod.Post, realm) { Content = new FormUrlEncodedContent(form) };
    }

    private static HttpRequestMessage Ask(Uri realm, string service, string scope, RegistryCredential? login)
    {
        var query = new UriBuilder(realm);
        query.Query = $"{query.Query.TrimStart('?')}&scope={Uri.EscapeDataString(scope)}&service={Uri.EscapeDataString(service)}".TrimStart(
            '&'
        );
        var message = new HttpRequestMessage(HttpMethod.Get, query.Uri);
        message.Headers.Authorization = login?.ToHeader();
        return message;
    }

    private static async Task<string> ReadTokenAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        if (!response.IsSuccessStatusCode)
        {
            throw await RegistryResponses.RefusalAsync(response, cancellation);
        }

        try
        {
            using var document = JsonDocument.Parse(await RegistryResponses.ReadAsync(response, cancellation));
            foreach (var name in (string[])["token", "access_token"])
            {
                if (document.RootElement.TryGetProperty(name, out var token) && token.GetString() is { Length: > 0 } text)
                {
                    return text;
                }
            }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // The body may contain a secret: report only that it cannot be parsed.
        }

        throw new RegistryException($"{response.RequestMessage!.RequestUri!.GetLeftPart(UriPartial.Path)}: no token in bearer response");
    }

    /// <summary>Sends a request, and retries it after a delay while the registry reports a temporary failure.</summary>
    private async Task<HttpResponseMessage> SendAsync(Func<HttpRequestMessage> make, CancellationToken cancellation)
    {
        for (var attempt = 0; ; attempt++)
        {
            using var message = make();
            message.Headers.TryAddWithoutValidation("User-Agent", userAgent);
            var response = await http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellation);
            if (attempt == RetryDelays.Length || !IsTemporary((int)response.StatusCode))
            {
                return response;
            }

            response.Dispose();
            await Task.Delay(RetryDelays[attempt], time, cancellation);
        }
    }

    private static bool IsTemporary(int code) => code is 408 or 499 or 500 or 502 or 503 or 504 or 522;
}
