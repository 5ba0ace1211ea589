using System.Text.Json.Nodes;
using Serving.Api.Core;

namespace Serving.LocalCluster.Node.Resizing;

/// <summary>Resources as a document, with sorted names and without empty lists.</summary>
internal static class ResourceDocument
{
    /// <summary>Limits and requests; empty without any.</summary>
    public static JsonObject Of(ResourceRequirements? resources)
    {
        var document = new JsonObject();
        if (List(resources?.Limits) is { } limits)
        {
            document["limits"] = limits;
        }

        if (List(resources?.Requests) is { } requests)
        {
            document["requests"] = requests;
        }

        return document;
    }

    /// <summary>A list; null when it is empty.</summary>
    public static JsonObject? List(IReadOnlyDictionary<string, Quantity>? amounts) =>
        amounts is { Count: > 0 }
            ? new JsonObject(
                amounts
                    .OrderBy(a => a.Key, StringComparer.Ordinal)
                    .Select(a => KeyValuePair.Create(a.Key, (JsonNode?)JsonValue.Create(a.Value.Text)))
            )
            : null;
}
