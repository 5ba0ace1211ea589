using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Apply;
using Serving.LocalCluster.ApiServer.Patches;
using Serving.LocalCluster.ApiServer.Security;
using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>Handles patches of objects and their status.</summary>
internal sealed class PatchHandler(ObjectStore store, ResourceWriter writer, IAuthorizer authorizer)
{
    private readonly ResourceReader _reader = new(store);

    public async Task PatchAsync(ResourceRequest request)
    {
        var type = RequestBody.MediaType(request.Context);
        var body = await RequestBody.ReadAsync(request.Context);
        if (type is "application/apply-patch+yaml" or "application/apply-patch+json")
        {
            await ApplyAsync(request, body);
            return;
        }

        var resource = request.Resource;
        var stored = await writer.UpdateAsync(
            request,
            current =>
            {
                var version = current.String("metadata", "resourceVersion");
                var patched = (JsonObject)PatchApplier.Apply(type, body, current, resource.Schema, resource.Custom is not null);
                request.NamesVersion =
                    NamesVersion(type, body) && patched.String("metadata", "resourceVersion") is { } named && named != version;
                BodyDecoder.Report(request, BodyDecoder.Shape(resource, patched), []);
                return patched;
            }
        );
        await _reader.WriteOneAsync(request, 200, stored);
    }

    private static bool NamesVersion(string type, ReadOnlyMemory<byte> body) =>
        type == "application/json-patch+json" || Json.Parse(body).At("metadata", "resourceVersion") is not null;

    private async Task ApplyAsync(ResourceRequest request, ReadOnlyMemory<byte> body)
    {
        var resource = request.Resource;
        if (string.IsNullOrEmpty(request.Query("fieldManager")))
            throw ApiException.Invalid(
                "meta.k8s.io",
                "PatchOptions",
                "",
                [FieldError.Required("fieldManager", "is required for apply patch")]
            );
        var duplicates = new List<string>();
        var config = RequestBody.Parse(body, "application/yaml", duplicates);
        var metadata = MetadataRules.Metadata(config);
        if (metadata["managedFields"] is JsonArray { Count: > 0 })
            throw ApiException.BadRequest("metadata.managedFields must be nil");
        if (metadata.String("name") is { Length: > 0 } name && name != request.Name)
            throw ApiException.BadRequest($"the name of the object ({name}) does not match the name on the URL ({request.Name})");
        metadata["name"] = request.Name;
        BodyDecoder.CheckKind(request, config);
        var unknown = BodyDecoder.Prune(resource, config);
        BodyDecoder.Report(request, unknown, duplicates);
        request.HasTrackedFields = true;
        while (true)
        {
            if (store.Get(resource.StorageGroup(), resource.Plural, request.Namespace, request.Name!) is null)
            {
                if (request.Subresource is not null)
                    throw request.NotFound();
                AuthorizeCreate(request);
                if (metadata.String("uid") is { Length: > 0 })
                    throw ApiException.Conflict(
                        resource.Group,
                        resource.Plural,
                        request.Name!,
                        "uid mismatch: the provided object specified uid, and no existing object was found"
                    );
                var fresh = ServerSideApply.Apply(
                    request,
                    new JsonObject { ["apiVersion"] = resource.ApiVersion, ["kind"] = resource.Kind },
                    config,
                    store.Time,
                    isNew: true
                );
                try
                {
                    var created = await writer.CreateAsync(request, fresh);
                    await _reader.WriteOneAsync(request, 201, created);
                    return;
                }
                catch (ApiException exception) when (exception.Reason == "AlreadyExists")
                {
                    continue;
                }
            }

            var stored = await writer.UpdateAsync(
                request,
                current =>
                {
                    var version = metadata.String("resourceVersion");
                    if (!string.IsNullOrEmpty(version) && version != current.String("metadata", "resourceVersion"))
                        throw ApiException.Stale(resource.Group, resource.Plural, request.Name!);
                    return ServerSideApply.Apply(request, current, config, store.Time, isNew: false);
                }
            );
            await _reader.WriteOneAsync(request, 200, stored);
            return;
        }
    }

    // Creating an object by apply needs the permission to create.
    private void AuthorizeCreate(ResourceRequest request)
    {
        var access = AccessRequest.ToResource(
            request.Caller,
            "create",
            request.Resource.Group,
            request.Resource.Plural,
            ns: request.Namespace,
            name: request.Name
        );
        var decision = authorizer.Authorize(access);
        if (!decision.IsAllowed)
            throw ApiException.Forbidden(access, decision.Reason);
    }
}
