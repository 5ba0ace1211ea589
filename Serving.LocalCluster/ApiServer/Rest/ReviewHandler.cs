using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Security;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>Answers reviews: who somebody is and what they may do.</summary>
internal sealed class ReviewHandler(TokenIssuer tokens, IAuthorizer authorizer)
{
    public async Task CreateAsync(ResourceRequest request)
    {
        var duplicates = new List<string>();
        var review = await RequestBody.ReadObjectAsync(request.Context, duplicates).ConfigureAwait(false)
            ?? throw ApiException.BadRequest("the body of the request is empty");
        BodyDecoder.Decode(request, review, duplicates);
        review["status"] = request.Resource.Kind switch
        {
            "TokenReview" => TokenReview(review.String("spec", "token") ?? "", review.Array("spec", "audiences")),
            "SelfSubjectReview" => new JsonObject { ["userInfo"] = request.Caller.ToUserInfo() },
            "SelfSubjectRulesReview" => Rules(),
            "SelfSubjectAccessReview" => Access(request.Caller, review.Object("spec")),
            _ => Access(
                new Caller(
                    review.String("spec", "user") ?? "", review.String("spec", "uid") ?? "",
                    [.. (review.Array("spec", "groups") ?? []).Select(g => g?.GetValue<string>() ?? "")]),
                review.Object("spec")),
        };
        MetadataRules.Metadata(review);
        Reply.Warn(request.Context, request.Warnings);
        await Reply.JsonAsync(request.Context, 201, review).ConfigureAwait(false);
    }

    private static JsonObject Rules() => new()
    {
        ["resourceRules"] = new JsonArray(new JsonObject { ["verbs"] = new JsonArray("*"), ["apiGroups"] = new JsonArray("*"), ["resources"] = new JsonArray("*") }),
        ["nonResourceRules"] = new JsonArray(new JsonObject { ["verbs"] = new JsonArray("*"), ["nonResourceURLs"] = new JsonArray("*") }),
        ["incomplete"] = false,
    };

    private JsonObject TokenReview(string token, JsonArray? audiences)
    {
        if (tokens.Authenticate(token) is not { } caller)
            return new JsonObject { ["authenticated"] = false, ["error"] = "invalid bearer token" };
        var status = new JsonObject { ["authenticated"] = true, ["user"] = caller.ToUserInfo() };
        if (audiences is { Count: > 0 })
            status["audiences"] = audiences.DeepClone();
        return status;
    }

    private JsonObject Access(Caller caller, JsonObject? spec)
    {
        var asked = spec.Object("resourceAttributes");
        var refusal = asked is null
            ? null
            : authorizer.Refusal(
                caller, asked.String("verb") ?? "", asked.String("group") ?? "", asked.String("resource") ?? "", asked.String("subresource"),
                asked.String("namespace") ?? "", asked.String("name"));
        return refusal is null ? new JsonObject { ["allowed"] = true } : new JsonObject { ["allowed"] = false, ["reason"] = refusal };
    }
}
