using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer.Security;

/// <summary>Authenticates tokens of the cluster's components and of existing service accounts.</summary>
internal sealed class Authenticator(ServerIdentity identity, TokenIssuer tokens, ObjectStore store)
{
    private const string Bearer = "Bearer ";

    /// <summary>The caller of a request; anonymous without credentials.</summary>
    /// <exception cref="ApiException">401: the credentials are invalid.</exception>
    public Caller Authenticate(HttpContext context)
    {
        var header = context.Request.Headers.Authorization.ToString();
        if (header.Length == 0)
            return Caller.Anonymous;
        return (
                header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
                    ? Authenticate(header[Bearer.Length..].Trim(), [TokenIssuer.Issuer])?.Caller
                    : null
            ) ?? throw new ApiException(401, "Unauthorized", "Unauthorized");
    }

    /// <summary>The holder of a token, and the matching audiences; null when the token is invalid for all of them.</summary>
    public (Caller Caller, IReadOnlyList<string> Audiences)? Authenticate(string token, IReadOnlyList<string> audiences)
    {
        var presented = Encoding.UTF8.GetBytes(token);
        foreach (var (secret, caller) in identity.Components)
        {
            if (CryptographicOperations.FixedTimeEquals(presented, secret))
                return audiences.Contains(TokenIssuer.Issuer) ? (caller, [TokenIssuer.Issuer]) : null;
        }

        if (tokens.Verify(token) is not { } account)
            return null;
        var shared = audiences.Where(a => account.Audiences.Contains(a)).ToList();
        if (shared.Count == 0 || store.Get("", "serviceaccounts", account.Namespace, account.Name)?.Uid != account.Uid || !IsAlive(account))
            return null;
        return (CallerOf(account), shared);
    }

    private bool IsAlive(AccountToken account) =>
        account.Bound is not { } bound
        || store.Get("", $"{bound.Resource}s", bound.Resource == "node" ? "" : account.Namespace, bound.Name)?.Uid == bound.Uid;

    private static Caller CallerOf(AccountToken account)
    {
        var extra = new Dictionary<string, IReadOnlyList<string>>
        {
            ["authentication.kubernetes.io/credential-id"] = [$"JTI={account.Id}"],
        };
        if (account.Bound is { Resource: "pod" or "node" } bound)
        {
            extra[$"authentication.kubernetes.io/{bound.Resource}-name"] = [bound.Name];
            extra[$"authentication.kubernetes.io/{bound.Resource}-uid"] = [bound.Uid];
        }

        return Caller.ServiceAccount(account.Namespace, account.Name, account.Uid) with
        {
            Extra = extra,
        };
    }
}
