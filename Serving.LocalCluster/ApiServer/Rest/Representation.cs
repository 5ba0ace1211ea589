using System.Text.Json.Nodes;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>The representation of a response.</summary>
internal enum RepresentationKind
{
    Whole,
    Table,
    Metadata,
}

/// <summary>Reads the Accept header.</summary>
internal static class Representation
{
    /// <summary>The first supported representation in the Accept header.</summary>
    public static RepresentationKind Of(ResourceRequest request)
    {
        foreach (var accepted in request.Context.Request.Headers.Accept.ToString().Split(','))
        {
            var parts = accepted.Split(';', StringSplitOptions.TrimEntries);
            if (parts[0] is not ("application/json" or "*/*" or "application/*"))
                continue;
            var form = parts.FirstOrDefault(p => p.StartsWith("as=", StringComparison.Ordinal))?[3..];
            var isMeta = parts.Contains("g=meta.k8s.io") && parts.Contains("v=v1");
            if (form is null)
                return RepresentationKind.Whole;
            if (form == "Table" && isMeta)
                return RepresentationKind.Table;
            if (form is "PartialObjectMetadata" or "PartialObjectMetadataList" && isMeta)
                return RepresentationKind.Metadata;
        }

        return RepresentationKind.Whole;
    }

    /// <summary>Only an object's metadata.</summary>
    public static JsonObject MetadataOf(JsonObject document) =>
        new()
        {
            ["kind"] = "PartialObjectMetadata",
            ["apiVersion"] = "meta.k8s.io/v1",
            ["metadata"] = document["metadata"]?.DeepClone(),
        };
}
