using System.Text.Json;
using System.Text.Json.Nodes;

namespace Serving.Webhook;

/// <summary>The response to an admission request.</summary>
/// <param name="Refusal">Why the object is rejected; null when it is allowed.</param>
/// <param name="Patch">The changes to the object; null for none.</param>
/// <param name="Warnings">Warnings for the client, one line each.</param>
internal sealed record AdmissionAnswer(string? Refusal, JsonArray? Patch, IReadOnlyList<string> Warnings)
{
    /// <summary>Allowed unchanged.</summary>
    public static AdmissionAnswer Allowed { get; } = new(null, null, []);

    /// <summary>Rejected.</summary>
    public static AdmissionAnswer Refused(string message) => new(message, null, []);

    /// <summary>The AdmissionReview that responds to <paramref name="review"/>.</summary>
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

        return new JsonObject
        {
            ["kind"] = review.Kind,
            ["apiVersion"] = review.ApiVersion,
            ["response"] = response,
        };
    }
}
