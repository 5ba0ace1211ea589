using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Schemas;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>Normalizes a document to its kind: checks apiVersion and kind, removes unknown fields and sets defaults.</summary>
internal static class BodyDecoder
{
    /// <summary>Checks the client's document; unknown and duplicate fields are rejected, warned about or ignored according to
    /// fieldValidation.</summary>
    public static void Decode(ResourceRequest request, JsonObject document, List<string> duplicates)
    {
        CheckKind(request, document);
        Report(request, Shape(request.Resource, document), duplicates);
    }

    /// <summary>Checks that a document has the kind of the request.</summary>
    public static void CheckKind(ResourceRequest request, JsonObject document)
    {
        var resource = request.Resource;
        if (document.String("kind") is not { Length: > 0 } kind)
            throw ApiException.BadRequest($"Object 'Kind' is missing in '{Shorten(document)}'");
        if (document.String("apiVersion") is not { Length: > 0 } version)
            throw ApiException.BadRequest($"Object 'apiVersion' is missing in '{Shorten(document)}'");
        if (version != resource.ApiVersion)
            throw ApiException.BadRequest(
                $"the API version in the data ({version}) does not match the expected API version ({resource.ApiVersion})"
            );
        if (kind != resource.Kind)
            throw ApiException.BadRequest(
                $"{kind} in version \"{resource.Version}\" cannot be handled as a {resource.Kind}: no kind \"{kind}\" is registered for this resource"
            );
    }

    /// <summary>Prunes an object and sets its defaults; returns the names of the removed fields.</summary>
    public static List<string> Shape(ResourceInfo resource, JsonObject document)
    {
        var unknown = Prune(resource, document);
        Default(resource, document);
        return unknown;
    }

    /// <summary>Removes unknown fields; returns their names.</summary>
    public static List<string> Prune(ResourceInfo resource, JsonObject document)
    {
        var unknown = new List<string>();
        if (resource.Custom is null)
        {
            var mistyped = new List<(string Path, string Wanted, string Found)>();
            SchemaPruner.Prune(resource.Schema, document, unknown, mistyped);
            if (mistyped is [var (path, wanted, found), ..])
            {
                throw ApiException.BadRequest(
                    $"{resource.Kind} in version \"{resource.Version}\" cannot be handled as a {resource.Kind}: json: cannot unmarshal {found} into Go struct field {resource.Kind}.{path} of type {wanted}"
                );
            }
        }
        else if (!resource.Custom.PreservesUnknownFields)
        {
            SchemaPruner.Prune(resource.Schema, document, unknown);
        }

        return unknown;
    }

    /// <summary>Sets the defaults of a kind.</summary>
    public static void Default(ResourceInfo resource, JsonObject document)
    {
        if (resource.Custom is null)
        {
            DropNulls(document);
            BuiltInDefaults.Apply(resource, document);
        }
        else
        {
            SchemaDefaulter.Apply(resource.Schema, document);
            if (document["metadata"] is JsonObject metadata)
                DropNulls(metadata);
        }
    }

    /// <summary>Handles unknown and duplicate fields according to fieldValidation.</summary>
    public static void Report(ResourceRequest request, List<string> unknown, List<string> duplicates)
    {
        var complaints = unknown.Select(u => $"unknown field \"{u}\"").Concat(duplicates.Select(d => $"duplicate field \"{d}\"")).ToList();
        if (complaints.Count == 0 || request.FieldValidation == "Ignore")
            return;
        if (request.FieldValidation == "Warn")
        {
            request.Warnings.AddRange(complaints);
            return;
        }

        throw ApiException.BadRequest(
            $"{request.Resource.Kind} in version \"{request.Resource.Version}\" cannot be handled as a {request.Resource.Kind}: strict decoding error: {string.Join(", ", complaints)}"
        );
    }

    // Go's decoder treats null as absent, at any depth, in typed objects.
    private static void DropNulls(JsonNode node)
    {
        switch (node)
        {
            case JsonObject map:
                foreach (var name in map.Where(p => p.Value is null).Select(p => p.Key).ToList())
                    map.Remove(name);
                foreach (var (_, value) in map)
                    DropNulls(value!);
                break;
            case JsonArray list:
                foreach (var item in list)
                {
                    if (item is not null)
                        DropNulls(item);
                }

                break;
        }
    }

    private static string Shorten(JsonObject document)
    {
        var text = Json.Text(document);
        return text.Length > 200 ? text[..200] : text;
    }
}
