using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Security;
using Serving.LocalCluster.ApiServer.Security.Rbac;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>Handles reviews: authentication of tokens and authorization of users.</summary>
internal sealed class ReviewHandler(Authenticator authenticator, RbacAuthorizer authorizer)
{
    private const string Group = "authorization.k8s.io";

    public async Task CreateAsync(ResourceRequest request)
    {
        var duplicates = new List<string>();
        var review =
            await RequestBody.ReadObjectAsync(request.Context, duplicates)
            ?? throw ApiException.BadRequest("the body of the request is empty");
        BodyDecoder.Decode(request, review, duplicates);
        review["status"] = request.Resource.Kind switch
        {
            "TokenReview" => TokenReview(review.String("spec", "token") ?? "", review.Array("spec", "audiences")),
            "SelfSubjectReview" => new JsonObject { ["userInfo"] = request.Caller.ToUserInfo() },
            "SelfSubjectRulesReview" => Rules(request.Caller, review.String("spec", "namespace") ?? ""),
            "SelfSubjectAccessReview" => Access(request, request.Caller, review),
            _ => Access(request, Subject(request, review), review),
        };
        MetadataRules.Metadata(review);
        Reply.Warn(request.Context, request.Warnings);
        await Reply.JsonAsync(request.Context, 201, review);
    }

    private JsonObject Rules(Caller caller, string ns)
    {
        var rules = caller.IsMaster ? PolicyRule.FullAuthority : [.. authorizer.Policy().Of(caller, ns).SelectMany(g => g.Rules)];
        return new JsonObject
        {
            ["resourceRules"] = new JsonArray([.. rules.Where(r => r.Paths.Length == 0).Select(r => (JsonNode)r.ToJson())]),
            ["nonResourceRules"] = new JsonArray([.. rules.Where(r => r.Paths.Length > 0).Select(r => (JsonNode)r.ToJson())]),
            ["incomplete"] = false,
        };
    }

    private JsonObject TokenReview(string token, JsonArray? audiences)
    {
        var asked = (audiences ?? []).Select(a => a?.GetValue<string>() ?? "").ToList();
        if (authenticator.Authenticate(token, asked.Count == 0 ? [TokenIssuer.Issuer] : asked) is not { } known)
            return new JsonObject
            {
                ["authenticated"] = false,
                ["user"] = new JsonObject(),
                ["error"] = "invalid bearer token",
            };
        return new JsonObject
        {
            ["authenticated"] = true,
            ["user"] = known.Caller.ToUserInfo(),
            ["audiences"] = new JsonArray([.. known.Audiences.Select(a => (JsonNode)a)]),
        };
    }

    private static Caller Subject(ResourceRequest request, JsonObject review)
    {
        var spec = review["spec"];
        var caller = new Caller(
            spec.String("user") ?? "",
            spec.String("uid") ?? "",
            [.. (spec.Array("groups") ?? []).Select(g => g?.GetValue<string>() ?? "")]
        );
        if (caller.Name.Length == 0 && caller.Groups.Count == 0)
            throw Invalid(request, FieldError.Invalid("spec.user", "", "at least one of user or group must be specified"));
        if (request.Resource.Kind == "LocalSubjectAccessReview" && spec.String("resourceAttributes", "namespace") != request.Namespace)
            throw Invalid(
                request,
                FieldError.Invalid(
                    "spec.resourceAttributes.namespace",
                    spec.String("resourceAttributes", "namespace"),
                    "must match metadata.namespace"
                )
            );
        return caller;
    }

    private JsonObject Access(ResourceRequest request, Caller caller, JsonObject review)
    {
        var (resource, path) = (review.Object("spec", "resourceAttributes"), review.Object("spec", "nonResourceAttributes"));
        if (resource is null == path is null)
        {
            throw Invalid(
                request,
                resource is null
                    ? FieldError.Invalid(
                        "spec.resourceAttributes",
                        null,
                        "exactly one of nonResourceAttributes or resourceAttributes must be specified"
                    )
                    : FieldError.Invalid(
                        "spec.nonResourceAttributes",
                        path!.DeepClone(),
                        "cannot be specified in combination with resourceAttributes"
                    )
            );
        }

        var decision = authorizer.Authorize(
            resource is null
                ? AccessRequest.ToPath(caller, path.String("verb") ?? "", path.String("path") ?? "")
                : AccessRequest.ToResource(
                    caller,
                    resource.String("verb") ?? "",
                    resource.String("group") ?? "",
                    resource.String("resource") ?? "",
                    resource.String("subresource"),
                    resource.String("namespace"),
                    resource.String("name")
                )
        );
        var status = new JsonObject { ["allowed"] = decision.IsAllowed };
        if (decision.Reason is { Length: > 0 } reason)
            status["reason"] = reason;
        return status;
    }

    private static ApiException Invalid(ResourceRequest request, FieldError error) =>
        ApiException.Invalid(Group, request.Resource.Kind, "", [error]);
}
