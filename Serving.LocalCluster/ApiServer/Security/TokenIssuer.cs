using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Security;

/// <summary>Issues and verifies service account tokens: JWTs signed with the authority's key.</summary>
internal sealed class TokenIssuer(ServerIdentity identity, TimeProvider time)
{
    private const string Issuer = "https://kubernetes.default.svc.cluster.local";

    /// <summary>A token for a service account and when it ends.</summary>
    public (string Token, DateTimeOffset Expires) Issue(string ns, string account, string uid, IReadOnlyList<string> audiences, TimeSpan lifetime)
    {
        var now = time.GetUtcNow();
        var expires = now + lifetime;
        var header = new JsonObject { ["alg"] = "ES256", ["typ"] = "JWT" };
        var claims = new JsonObject
        {
            ["aud"] = new JsonArray([.. audiences.Select(a => (JsonNode)a)]),
            ["exp"] = expires.ToUnixTimeSeconds(),
            ["iat"] = now.ToUnixTimeSeconds(),
            ["nbf"] = now.ToUnixTimeSeconds(),
            ["iss"] = Issuer,
            ["jti"] = Guid.NewGuid().ToString(),
            ["kubernetes.io"] = new JsonObject
            {
                ["namespace"] = ns,
                ["serviceaccount"] = new JsonObject { ["name"] = account, ["uid"] = uid },
            },
            ["sub"] = $"system:serviceaccount:{ns}:{account}",
        };
        var content = $"{Base64Url.EncodeToString(Json.Bytes(header))}.{Base64Url.EncodeToString(Json.Bytes(claims))}";
        lock (identity.SigningKey)
        {
            var signature = identity.SigningKey.SignData(Encoding.ASCII.GetBytes(content), HashAlgorithmName.SHA256);
            return ($"{content}.{Base64Url.EncodeToString(signature)}", expires);
        }
    }

    /// <summary>Who holds a token; null when it is none of ours, or has ended.</summary>
    public Caller? Authenticate(string token)
    {
        if (CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(token), Encoding.UTF8.GetBytes(identity.Token)))
            return Caller.Admin;
        var parts = token.Split('.');
        if (parts.Length != 3)
            return null;
        try
        {
            lock (identity.SigningKey)
            {
                if (!identity.SigningKey.VerifyData(
                    Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), Base64Url.DecodeFromChars(parts[2]), HashAlgorithmName.SHA256))
                    return null;
            }

            var claims = Json.ParseOwn(Base64Url.DecodeFromChars(parts[1]));
            if (claims.Integer("exp") is not { } end || end < time.GetUtcNow().ToUnixTimeSeconds() || claims.String("sub") is not { } subject)
                return null;
            var ns = claims.String("kubernetes.io", "namespace") ?? "";
            return new Caller(
                subject, claims.String("kubernetes.io", "serviceaccount", "uid") ?? "",
                ["system:serviceaccounts", $"system:serviceaccounts:{ns}", "system:authenticated"]);
        }
        catch (Exception exception) when (exception is FormatException or System.Text.Json.JsonException or CryptographicException)
        {
            return null;
        }
    }
}
