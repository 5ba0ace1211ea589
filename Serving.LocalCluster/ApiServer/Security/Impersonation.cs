using Microsoft.AspNetCore.Http;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Security;

/// <summary>Impersonation by authorized users: <c>kubectl --as</c>.</summary>
internal sealed class Impersonation(IAuthorizer authorizer)
{
    private const string UserHeader = "Impersonate-User";
    private const string GroupHeader = "Impersonate-Group";
    private const string UidHeader = "Impersonate-Uid";
    private const string ExtraPrefix = "Impersonate-Extra-";
    private const string Verb = "impersonate";
    private const string AuthenticationGroup = "authentication.k8s.io";

    /// <summary>The effective user: the caller, or the user in the request's headers.</summary>
    /// <exception cref="ApiException">403: the caller may not impersonate that user, group, uid or extra.</exception>
    public Caller Apply(HttpContext context, Caller caller)
    {
        var headers = context.Request.Headers;
        var user = headers[UserHeader].ToString();
        var groups = headers[GroupHeader].Select(g => g ?? "").Where(g => g.Length > 0).ToList();
        var uid = headers[UidHeader].ToString();
        var extra = headers
            .Where(h => h.Key.StartsWith(ExtraPrefix, StringComparison.OrdinalIgnoreCase))
            .ToDictionary(
                h => Uri.UnescapeDataString(h.Key[ExtraPrefix.Length..].ToLowerInvariant()),
                h => (IReadOnlyList<string>)[.. h.Value.Select(v => v ?? "")],
                StringComparer.Ordinal
            );
        if (user.Length == 0)
        {
            return groups.Count == 0 && uid.Length == 0 && extra.Count == 0
                ? caller
                : throw ApiException.Internal("requested to impersonate groups, a uid or extra without impersonating a user");
        }

        var account = Caller.AccountOf(user);
        if (account is { } named)
            Require(AccessRequest.ToResource(caller, Verb, "", "serviceaccounts", ns: named.Namespace, name: named.Name));
        else
            Require(AccessRequest.ToResource(caller, Verb, "", "users", name: user));
        foreach (var group in groups)
            Require(AccessRequest.ToResource(caller, Verb, "", "groups", name: group));
        if (uid.Length > 0)
            Require(AccessRequest.ToResource(caller, Verb, AuthenticationGroup, "uids", name: uid));
        foreach (var (key, values) in extra)
        {
            foreach (var value in values)
                Require(AccessRequest.ToResource(caller, Verb, AuthenticationGroup, "userextras", key, name: value));
        }

        if (groups.Count == 0 && account is { } of)
            groups.AddRange(Caller.AccountGroups(of.Namespace));
        var implied = user == Caller.Anonymous.Name ? Caller.Unauthenticated : Caller.Authenticated;
        if (!groups.Contains(Caller.Authenticated) && !groups.Contains(Caller.Unauthenticated))
            groups.Add(implied);
        return new Caller(user, uid, groups) { Extra = extra };
    }

    private void Require(in AccessRequest request)
    {
        var decision = authorizer.Authorize(request);
        if (!decision.IsAllowed)
            throw ApiException.Forbidden(request, decision.Reason);
    }
}
