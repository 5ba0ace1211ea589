using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Admission;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>Deletes objects: immediately, or by a deletionTimestamp for finalizers, the node or the namespace controller.</summary>
internal sealed class ResourceDeleter(ObjectStore store, AdmissionChain admission)
{
    private const string Foreground = "foregroundDeletion";
    private const string Orphan = "orphan";

    /// <summary>Handles a delete of one object.</summary>
    public async Task DeleteAsync(ResourceRequest request)
    {
        var options = await OptionsAsync(request);
        var (last, isGone) = await DeleteAsync(request, request.Namespace, request.Name!, options);
        Reply.Warn(request.Context, request.Warnings);
        if (!isGone || request.Resource is { Group: "", Kind: "Pod" })
        {
            await Reply.BytesAsync(request.Context, 200, Conversion.Serve(last, request.Resource));
            return;
        }

        var details = new JsonObject { ["name"] = request.Name };
        if (request.Resource.Group.Length > 0)
            details["group"] = request.Resource.Group;
        details["kind"] = request.Resource.Plural;
        details["uid"] = last.Uid;
        await Reply.JsonAsync(
            request.Context,
            200,
            new JsonObject
            {
                ["kind"] = "Status",
                ["apiVersion"] = "v1",
                ["metadata"] = new JsonObject(),
                ["status"] = "Success",
                ["details"] = details,
            }
        );
    }

    /// <summary>Handles a delete of every object that a selector matches.</summary>
    public async Task DeleteCollectionAsync(ResourceRequest request)
    {
        var resource = request.Resource;
        var options = await OptionsAsync(request);
        var selector = ResourceReader.SelectorOf(request);
        var deleted = new JsonArray();
        foreach (var stored in store.All(resource.StorageGroup(), resource.Plural))
        {
            if ((request.Namespace.Length > 0 && stored.Namespace != request.Namespace) || !selector.Matches(stored))
                continue;
            try
            {
                await DeleteAsync(request, stored.Namespace, stored.Name, options);
                deleted.Add(Conversion.ServedDocument(stored, resource));
            }
            catch (ApiException exception) when (exception.Code == 404)
            {
                // Deleted concurrently.
            }
        }

        await Reply.JsonAsync(
            request.Context,
            200,
            new JsonObject
            {
                ["kind"] = resource.ListKind,
                ["apiVersion"] = resource.ApiVersion,
                ["metadata"] = new JsonObject
                {
                    ["resourceVersion"] = store.Revision.ToString(System.Globalization.CultureInfo.InvariantCulture),
                },
                ["items"] = deleted,
            }
        );
    }

    /// <summary>Deletes every instance of a resource, respecting finalizers; true when none is left.</summary>
    public bool DeleteAll(ResourceInfo resource)
    {
        var isEmpty = true;
        foreach (var stored in store.All(resource.StorageGroup(), resource.Plural))
        {
            var document = stored.Document();
            if (MetadataRules.Finalizers(document).Count == 0)
            {
                isEmpty &= store.Remove(resource.StorageGroup(), resource.Plural, stored, document) is not null;
                continue;
            }

            isEmpty = false;
            if (!stored.IsDeleting)
            {
                Mark(document, 0);
                store.Replace(resource.StorageGroup(), resource.Plural, stored, document);
            }
        }

        return isEmpty;
    }

    /// <summary>Deletes one object; returns its remaining state, and whether it is removed.</summary>
    public async Task<(StoredObject Last, bool IsGone)> DeleteAsync(ResourceRequest request, string ns, string name, JsonObject options)
    {
        var resource = request.Resource;
        var group = resource.StorageGroup();
        while (true)
        {
            var stored = store.Get(group, resource.Plural, ns, name) ?? throw request.NotFound(name);
            CheckPreconditions(resource, stored, options);
            if (resource is { Group: "", Kind: "Namespace" } && name is "default" or "kube-system" or "kube-public")
                throw ApiException.Forbidden("", "namespaces", name, "this namespace may not be deleted");
            await admission.ValidateAsync(AdmissionOperation.Delete, request, null, Conversion.ServedDocument(stored, resource));
            if (request.IsDryRun)
                return (stored, true);
            var document = stored.Document();
            var propagation =
                options.String("propagationPolicy")
                ?? (
                    options["orphanDependents"] is null ? null
                    : options.True("orphanDependents") ? "Orphan"
                    : "Background"
                );
            SetPropagation(document, propagation);
            var grace = Grace(resource, stored, document, options);
            var keeps =
                grace > 0
                || MetadataRules.Finalizers(document).Count > 0
                || (resource is { Group: "", Kind: "Namespace" } && document.Array("spec", "finalizers") is { Count: > 0 });
            if (!keeps)
            {
                if (store.Remove(group, resource.Plural, stored, document) is { } last)
                    return (last, true);
                continue;
            }

            Mark(document, grace);
            if (resource is { Group: "", Kind: "Namespace" })
                document.Child("status")["phase"] = "Terminating";
            var before = stored.Document();
            if (JsonNode.DeepEquals(before, document))
                return (stored, false);
            if (store.Replace(group, resource.Plural, stored, document) is { } marked)
                return (marked, false);
        }
    }

    private static async Task<JsonObject> OptionsAsync(ResourceRequest request)
    {
        var options = await RequestBody.ReadObjectAsync(request.Context, null) ?? [];
        if (request.Query("propagationPolicy") is { Length: > 0 } propagation)
            options["propagationPolicy"] = propagation;
        if (request.Number("gracePeriodSeconds") is { } grace)
            options["gracePeriodSeconds"] = grace;
        if (options.String("propagationPolicy") is { } policy and not ("Background" or "Foreground" or "Orphan"))
        {
            throw ApiException.Invalid(
                "meta.k8s.io",
                "DeleteOptions",
                "",
                [FieldError.NotSupported("propagationPolicy", policy, ["Background", "Foreground", "Orphan", "nil"])]
            );
        }

        if (options.Array("dryRun") is { Count: > 0 })
            request.IsDryRun = true;
        return options;
    }

    private static void CheckPreconditions(ResourceInfo resource, StoredObject stored, JsonObject options)
    {
        var revision = stored.Revision.ToString(System.Globalization.CultureInfo.InvariantCulture);
        if (options.String("preconditions", "uid") is { } uid && uid != stored.Uid)
        {
            throw ApiException.Conflict(
                resource.Group,
                resource.Plural,
                stored.Name,
                $"Precondition failed: UID in precondition: {uid}, UID in object meta: {stored.Uid}"
            );
        }

        if (options.String("preconditions", "resourceVersion") is { } version && version != revision)
        {
            throw ApiException.Conflict(
                resource.Group,
                resource.Plural,
                stored.Name,
                $"Precondition failed: ResourceVersion in precondition: {version}, ResourceVersion in object meta: {revision}"
            );
        }
    }

    private static void SetPropagation(JsonObject document, string? propagation)
    {
        if (propagation is null)
            return;
        var finalizers = MetadataRules.Finalizers(document).Where(f => f is not (Foreground or Orphan)).ToList();
        if (propagation == "Foreground")
            finalizers.Add(Foreground);
        else if (propagation == "Orphan")
            finalizers.Add(Orphan);
        var metadata = document.Child("metadata");
        if (finalizers.Count == 0)
            metadata.Remove("finalizers");
        else
            metadata["finalizers"] = new JsonArray([.. finalizers.Select(f => (JsonNode)f)]);
    }

    // Only pods have a grace period: the node waits for it, and then deletes again without one.
    private static long Grace(ResourceInfo resource, StoredObject stored, JsonObject document, JsonObject options)
    {
        if (resource is not { Group: "", Kind: "Pod" })
            return 0;
        if (string.IsNullOrEmpty(document.String("spec", "nodeName")) || document.String("status", "phase") is "Succeeded" or "Failed")
            return 0;
        var asked = Math.Max(0, options.Integer("gracePeriodSeconds") ?? document.Integer("spec", "terminationGracePeriodSeconds") ?? 30);
        // The grace period of a deletion in progress can only be shortened.
        return stored.IsDeleting ? Math.Min(asked, document.Integer("metadata", "deletionGracePeriodSeconds") ?? asked) : asked;
    }

    private void Mark(JsonObject document, long grace)
    {
        var metadata = document.Child("metadata");
        if (metadata["deletionTimestamp"] is not null && metadata.Integer("deletionGracePeriodSeconds") == grace)
            return;
        if (metadata["deletionTimestamp"] is null && metadata.Integer("generation") is { } generation)
            metadata["generation"] = generation + 1;
        metadata["deletionTimestamp"] = Json.Time(store.Time.GetUtcNow().AddSeconds(grace));
        metadata["deletionGracePeriodSeconds"] = grace;
    }
}
