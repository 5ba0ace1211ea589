using System.Text.Json;
using System.Text.Json.Nodes;

namespace Serving.Webhook;

/// <summary>The answer to a request.</summary>
/// <param name="Refusal">Why the object is refused; null when it is admitted.</param>
/// <param name="Patch">What to change in it; null for nothing.</param>
/// <param name="Warnings">What to tell the client, a line each.</param>
internal sealed record AdmissionAnswer(string? Refusal, JsonArray? Patch, IReadOnlyList<string> Warnings)
{
    /// <summary>Admitted as it is.</summary>
    public static AdmissionAnswer Allowed { get; } = new(null, null, []);

    /// <summary>Refused.</summary>
    public static AdmissionAnswer Refused(string message) => new(message, null, []);

    /// <summary>The review that answers <paramref name="review"/>.</summary>
    public JsonObject ToReview(AdmissionReview review)
    {
        var response = new JsonObject { ["uid"] = review.Request.Uid, ["allowed"] = Refusal is null };
        if (Refusal is not null)
        {
            response["status"] = new JsonObject
            {
                ["metadata"] = new JsonObject(),
                ["status"] = "Failure",
                ["message"] = Refusal,
                ["reason"] = "BadRequest",
                ["code"] = 400,
            };
        }

        if (Patch is { Count: > 0 })
        {
            response["patch"] = Convert.ToBase64String(JsonSerializer.SerializeToUtf8Bytes(Patch, WebhookJson.Default.JsonArray));
            response["patchType"] = "JSONPatch";
        }

        if (Warnings.Count > 0)
        {
            response["warnings"] = new JsonArray([.. Warnings.Select(w => JsonValue.Create(w))]);
        }

        return new JsonObject { ["kind"] = review.Kind, ["apiVersion"] = review.ApiVersion, ["response"] = response };
    }
}
