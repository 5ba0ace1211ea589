using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Schemas;

namespace Serving.LocalCluster.ApiServer.Patches;

/// <summary>Applies a patch of any type except server-side apply.</summary>
internal static class PatchApplier
{
    /// <summary>Returns the patched document; the argument may be modified.</summary>
    /// <param name="mediaType">The media type of the patch.</param>
    /// <param name="body">The patch.</param>
    /// <param name="document">The document to patch.</param>
    /// <param name="schema">The schema of the document, for strategic merges.</param>
    /// <param name="isCustom">Whether it is a custom resource, which does not support strategic merge.</param>
    public static JsonNode Apply(string mediaType, ReadOnlyMemory<byte> body, JsonObject document, Schema schema, bool isCustom)
    {
        switch (mediaType)
        {
            case "application/json-patch+json":
                return JsonPatch.Apply(
                        document,
                        Parse(body) as JsonArray ?? throw ApiException.BadRequest("error decoding patch: a JSON patch is an array")
                    ) as JsonObject
                    ?? throw ApiException.BadRequest("the patch leaves no object");
            case "application/merge-patch+json":
                return MergePatch.Apply(document, Map(body));
            case "application/strategic-merge-patch+json" when !isCustom:
                return StrategicMergePatch.Apply(document, Map(body), schema);
            default:
                var types = isCustom
                    ? "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
                    : "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml";
                throw ApiException.UnsupportedMediaType(
                    $"the body of the request was in an unknown format - accepted media types include: {types}"
                );
        }
    }

    private static JsonObject Map(ReadOnlyMemory<byte> body) =>
        Parse(body) as JsonObject ?? throw ApiException.BadRequest("error decoding patch: json: cannot unmarshal the patch into an object");

    private static JsonNode? Parse(ReadOnlyMemory<byte> body)
    {
        try
        {
            return Json.Parse(body);
        }
        catch (JsonException exception)
        {
            throw ApiException.BadRequest($"error decoding patch: {exception.Message}");
        }
    }
}
