using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Security;
using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>Handles <c>serviceaccounts/token</c>: tokens for a service account, optionally bound to a pod, secret or node.</summary>
internal sealed class TokenRequests(ObjectStore store, TokenIssuer tokens)
{
    private const string Group = "authentication.k8s.io";
    private const long Shortest = 600;
    private const long Longest = 1L << 32;

    /// <summary>Issues a token for an account.</summary>
    public async Task CreateAsync(ResourceRequest request, StoredObject account)
    {
        var asked = await RequestBody.ReadObjectAsync(request.Context, null) ?? [];
        var lifetime = asked.Integer("spec", "expirationSeconds") ?? 3600;
        if (lifetime is < Shortest or > Longest)
        {
            var why =
                lifetime < Shortest
                    ? "may not specify a duration less than 10 minutes"
                    : "may not specify a duration larger than 2^32 seconds";
            throw ApiException.Invalid(Group, "TokenRequest", request.Name!, [FieldError.Invalid("spec.expirationSeconds", lifetime, why)]);
        }

        var audiences = (asked.Array("spec", "audiences") ?? []).Select(a => a?.GetValue<string>() ?? "").ToList();
        if (audiences.Count == 0)
            audiences = [TokenIssuer.Issuer];
        var bound = Bound(request, asked.Object("spec", "boundObjectRef"));
        var (token, expires) = tokens.Issue(
            new AccountToken(request.Namespace, request.Name!, account.Uid, audiences, bound, Guid.NewGuid().ToString()),
            TimeSpan.FromSeconds(lifetime)
        );
        await Reply.JsonAsync(
            request.Context,
            201,
            new JsonObject
            {
                ["kind"] = "TokenRequest",
                ["apiVersion"] = $"{Group}/v1",
                ["metadata"] = new JsonObject
                {
                    ["name"] = request.Name,
                    ["namespace"] = request.Namespace,
                    ["creationTimestamp"] = Json.Time(store.Time.GetUtcNow()),
                },
                ["spec"] = new JsonObject
                {
                    ["audiences"] = new JsonArray([.. audiences.Select(a => (JsonNode)a)]),
                    ["expirationSeconds"] = lifetime,
                    ["boundObjectRef"] = asked.At("spec", "boundObjectRef")?.DeepClone(),
                },
                ["status"] = new JsonObject { ["token"] = token, ["expirationTimestamp"] = Json.Time(expires) },
            }
        );
    }

    private BoundObject? Bound(ResourceRequest request, JsonObject? reference)
    {
        if (reference is null)
            return null;
        var (kind, name) = (reference.String("kind") ?? "", reference.String("name") ?? "");
        if (kind is not ("Pod" or "Secret" or "Node") || reference.String("apiVersion") is not ("v1" or null or ""))
            throw ApiException.BadRequest(
                $"cannot bind token for serviceaccount \"{request.Name}\" to object of type {reference.String("apiVersion")}, Kind={kind}"
            );
        var resource = kind.ToLowerInvariant();
        var stored =
            store.Get("", $"{resource}s", kind == "Node" ? "" : request.Namespace, name)
            ?? throw ApiException.NotFound("", $"{resource}s", name);
        if (kind == "Pod" && stored.Document().String("spec", "serviceAccountName") is var runsAs && runsAs != request.Name)
            throw ApiException.BadRequest(
                $"cannot bind token for serviceaccount \"{request.Name}\" to pod running with different serviceaccount name."
            );
        if (reference.String("uid") is { Length: > 0 } uid && uid != stored.Uid)
        {
            throw ApiException.Conflict(
                "",
                $"{resource}s",
                name,
                $"the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been deleted and then recreated"
            );
        }

        return new BoundObject(resource, name, stored.Uid);
    }
}
