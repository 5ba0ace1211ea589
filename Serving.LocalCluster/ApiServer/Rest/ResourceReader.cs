using System.Buffers;
using System.Buffers.Text;
using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Storage;
using Serving.LocalCluster.ApiServer.Tables;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>Handles gets and lists.</summary>
internal sealed class ResourceReader(ObjectStore store)
{
    /// <summary>Responds with one object.</summary>
    public async Task GetAsync(ResourceRequest request)
    {
        var resource = request.Resource;
        var stored = store.Get(resource.StorageGroup(), resource.Plural, request.Namespace, request.Name!) ?? throw request.NotFound();
        RequireReached(request);
        await WriteOneAsync(request, 200, stored);
    }

    /// <summary>Responds with an object in a representation that the client accepts.</summary>
    public async Task WriteOneAsync(ResourceRequest request, int code, StoredObject stored)
    {
        Reply.Warn(request.Context, request.Warnings);
        switch (Representation.Of(request))
        {
            case RepresentationKind.Table:
                var table = TableWriter.Table(
                    request.Resource,
                    [Conversion.ServedDocument(stored, request.Resource)],
                    request.Query("includeObject"),
                    store.Time.GetUtcNow()
                );
                table.Child("metadata")["resourceVersion"] = stored.Revision.ToString(CultureInfo.InvariantCulture);
                await Reply.JsonAsync(request.Context, code, table);
                break;
            case RepresentationKind.Metadata:
                await Reply.JsonAsync(request.Context, code, Representation.MetadataOf(stored.Document()));
                break;
            default:
                await Reply.BytesAsync(request.Context, code, Conversion.Serve(stored, request.Resource));
                break;
        }
    }

    /// <summary>Responds with a list.</summary>
    public async Task ListAsync(ResourceRequest request)
    {
        var resource = request.Resource;
        var selector = SelectorOf(request);
        var (objects, revision, start) = Snapshot(request);
        var limit = request.Number("limit") ?? 0;
        var items = new List<StoredObject>();
        string? next = null;
        var remaining = 0L;
        foreach (var (key, stored) in objects)
        {
            if (start is not null && string.CompareOrdinal(key, start) <= 0)
                continue;
            if ((request.Namespace.Length > 0 && stored.Namespace != request.Namespace) || !selector.Matches(stored))
                continue;
            if (limit > 0 && items.Count >= limit)
            {
                next ??= KeyOf(items[^1]);
                remaining++;
                continue;
            }

            items.Add(stored);
        }

        var metadata = new JsonObject { ["resourceVersion"] = revision.ToString(CultureInfo.InvariantCulture) };
        if (next is not null)
        {
            store.KeepPages(revision, resource.StorageGroup(), resource.Plural, objects);
            metadata["continue"] = Base64Url.EncodeToString(Json.Bytes(new JsonObject { ["rv"] = revision, ["start"] = next }));
            if (selector.IsEmpty)
                metadata["remainingItemCount"] = remaining;
        }

        Reply.Warn(request.Context, request.Warnings);
        switch (Representation.Of(request))
        {
            case RepresentationKind.Table:
                var table = TableWriter.Table(
                    resource,
                    items.Select(i => Conversion.ServedDocument(i, resource)),
                    request.Query("includeObject"),
                    store.Time.GetUtcNow()
                );
                table["metadata"] = metadata;
                await Reply.JsonAsync(request.Context, 200, table);
                break;
            case RepresentationKind.Metadata:
                await Reply.JsonAsync(
                    request.Context,
                    200,
                    new JsonObject
                    {
                        ["kind"] = "PartialObjectMetadataList",
                        ["apiVersion"] = "meta.k8s.io/v1",
                        ["metadata"] = metadata,
                        ["items"] = new JsonArray([.. items.Select(i => (JsonNode)Representation.MetadataOf(i.Document()))]),
                    }
                );
                break;
            default:
                await Reply.BytesAsync(request.Context, 200, Join(resource, metadata, items));
                break;
        }
    }

    /// <summary>The selectors of a request; a name in the path is a selector too.</summary>
    public static Selector SelectorOf(ResourceRequest request)
    {
        var resource = request.Resource;
        var fields = request.Query("fieldSelector");
        if (request.Name is not null)
            fields = string.IsNullOrEmpty(fields) ? $"metadata.name={request.Name}" : $"{fields},metadata.name={request.Name}";
        return Selector.Parse(
            request.Query("labelSelector"),
            fields,
            field =>
                resource.Custom?.SelectableFields.Contains(field) == true
                || SelectableFields.Knows(resource.ApiVersion, resource.Kind, field),
            field => Conversion.StorageField(resource, field)
        );
    }

    private static ReadOnlyMemory<byte> Join(ResourceInfo resource, JsonObject metadata, List<StoredObject> items)
    {
        var buffer = new ArrayBufferWriter<byte>(items.Sum(i => i.Json.Length + 1) + 256);
        buffer.Write(
            System.Text.Encoding.UTF8.GetBytes(
                $"{{\"kind\":\"{resource.ListKind}\",\"apiVersion\":\"{resource.ApiVersion}\",\"metadata\":{Json.Text(metadata)},\"items\":["
            )
        );
        for (var i = 0; i < items.Count; i++)
        {
            if (i > 0)
                buffer.Write(","u8);
            buffer.Write(Conversion.Serve(items[i], resource));
        }

        buffer.Write("]}"u8);
        return buffer.WrittenMemory;
    }

    private static string KeyOf(StoredObject stored) => stored.Namespace.Length == 0 ? stored.Name : $"{stored.Namespace}/{stored.Name}";

    private (ImmutableSortedDictionary<string, StoredObject> Objects, long Revision, string? Start) Snapshot(ResourceRequest request)
    {
        var resource = request.Resource;
        var (objects, revision) = store.Snapshot(resource.StorageGroup(), resource.Plural);
        if (request.Query("continue") is { Length: > 0 } token)
        {
            try
            {
                var page = Json.ParseOwn(Base64Url.DecodeFromChars(token));
                var at = page.Integer("rv") ?? throw new FormatException();
                return (
                    store.Pages(at, resource.StorageGroup(), resource.Plural)
                        ?? throw ApiException.Gone(
                            "The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter."
                        ),
                    at,
                    page.String("start")
                );
            }
            catch (Exception exception) when (exception is FormatException or System.Text.Json.JsonException or InvalidCastException)
            {
                throw ApiException.BadRequest("continue key is not valid");
            }
        }

        var asked = request.Number("resourceVersion") ?? 0;
        var match = request.Query("resourceVersionMatch");
        if (!string.IsNullOrEmpty(match) && string.IsNullOrEmpty(request.Query("resourceVersion")))
            throw ApiException.BadRequest("resourceVersionMatch is forbidden unless resourceVersion is provided");
        if (match == "Exact" && asked != revision)
        {
            return (
                store.Pages(asked, resource.StorageGroup(), resource.Plural)
                    ?? throw ApiException.Gone("The resourceVersion for the provided list is too old."),
                asked,
                null
            );
        }

        RequireReached(request);
        return (objects, revision, null);
    }

    private void RequireReached(ResourceRequest request)
    {
        if (request.Number("resourceVersion") is { } asked && asked > store.Revision)
            throw new ApiException(504, "Timeout", $"Timeout: Too large resource version: {asked}, current: {store.Revision}");
    }
}
