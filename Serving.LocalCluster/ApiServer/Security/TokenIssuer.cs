using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Security;

/// <summary>Signs and verifies service account tokens: JWTs signed with the CA's key. It does not check whether the account still
/// exists.</summary>
internal sealed class TokenIssuer(ServerIdentity identity, TimeProvider time)
{
    /// <summary>The issuer, and the audience of tokens for this server.</summary>
    public const string Issuer = "https://kubernetes.default.svc.cluster.local";

    private const int MostRemembered = 4096;

    // A client sends the same token with every request: verify its signature only once.
    private readonly Dictionary<string, AccountToken> _verified = new(StringComparer.Ordinal);

    /// <summary>Issues a token for a service account; returns it with its expiration.</summary>
    public (string Token, DateTimeOffset Expires) Issue(AccountToken account, TimeSpan lifetime)
    {
        var now = time.GetUtcNow();
        var expires = now + lifetime;
        var kubernetes = new JsonObject
        {
            ["namespace"] = account.Namespace,
            ["serviceaccount"] = new JsonObject { ["name"] = account.Name, ["uid"] = account.Uid },
        };
        if (account.Bound is { } bound)
            kubernetes[bound.Resource] = new JsonObject { ["name"] = bound.Name, ["uid"] = bound.Uid };
        var header = new JsonObject { ["alg"] = "ES256", ["typ"] = "JWT" };
        var claims = new JsonObject
        {
            ["aud"] = new JsonArray([.. account.Audiences.Select(a => (JsonNode)a)]),
            ["exp"] = expires.ToUnixTimeSeconds(),
            ["iat"] = now.ToUnixTimeSeconds(),
            ["nbf"] = now.ToUnixTimeSeconds(),
            ["iss"] = Issuer,
            ["jti"] = account.Id,
            ["kubernetes.io"] = kubernetes,
            ["sub"] = $"system:serviceaccount:{account.Namespace}:{account.Name}",
        };
        var content = $"{Base64Url.EncodeToString(Json.Bytes(header))}.{Base64Url.EncodeToString(Json.Bytes(claims))}";
        lock (identity.SigningKey)
        {
            var signature = identity.SigningKey.SignData(Encoding.ASCII.GetBytes(content), HashAlgorithmName.SHA256);
            return ($"{content}.{Base64Url.EncodeToString(signature)}", expires);
        }
    }

    /// <summary>The claims of a token; null when it is not ours or has expired.</summary>
    public AccountToken? Verify(string token)
    {
        AccountToken? known;
        lock (_verified)
            _verified.TryGetValue(token, out known);
        known ??= Read(token);
        if (known is null || known.Expires <= time.GetUtcNow())
            return null;
        lock (_verified)
        {
            if (_verified.Count >= MostRemembered)
                _verified.Clear();
            _verified[token] = known;
        }

        return known;
    }

    private AccountToken? Read(string token)
    {
        var parts = token.Split('.');
        if (parts.Length != 3)
            return null;
        try
        {
            lock (identity.SigningKey)
            {
                if (
                    !identity.SigningKey.VerifyData(
                        Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"),
                        Base64Url.DecodeFromChars(parts[2]),
                        HashAlgorithmName.SHA256
                    )
                )
                    return null;
            }

            var claims = Json.ParseOwn(Base64Url.DecodeFromChars(parts[1]));
            var kubernetes = claims["kubernetes.io"];
            if (claims.Integer("exp") is not { } end || kubernetes.String("serviceaccount", "name") is not { } name)
                return null;
            var bound = new[] { "pod", "secret", "node" }.FirstOrDefault(kind => kubernetes.At(kind) is not null);
            return new AccountToken(
                kubernetes.String("namespace") ?? "",
                name,
                kubernetes.String("serviceaccount", "uid") ?? "",
                [.. (claims.Array("aud") ?? []).Select(a => a?.GetValue<string>() ?? "")],
                bound is null
                    ? null
                    : new BoundObject(bound, kubernetes.String(bound, "name") ?? "", kubernetes.String(bound, "uid") ?? ""),
                claims.String("jti") ?? ""
            )
            {
                Expires = DateTimeOffset.FromUnixTimeSeconds(end),
            };
        }
        catch (Exception exception) when (exception is FormatException or System.Text.Json.JsonException or CryptographicException)
        {
            return null;
        }
    }
}
