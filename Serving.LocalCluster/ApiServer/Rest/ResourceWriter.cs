using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Admission;
using Serving.LocalCluster.ApiServer.Apply;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Schemas;
using Serving.LocalCluster.ApiServer.Security.Rbac;
using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>Creates and updates: decode, admit, validate, compare and swap.</summary>
internal sealed class ResourceWriter(ObjectStore store, AdmissionChain admission, EscalationCheck escalation)
{
    private const int MaxAttempts = 16;

    private readonly ServiceAllocator _services = new(store);

    /// <summary>Changes the stored object.</summary>
    /// <param name="current">The caller's own copy of the object, in the version of the request.</param>
    public delegate JsonObject Change(JsonObject current);

    /// <summary>Creates an object from a decoded document.</summary>
    public async Task<StoredObject> CreateAsync(ResourceRequest request, JsonObject document)
    {
        var resource = request.Resource;
        if (IdleKinds.Warning(resource) is { } idle)
            request.Warnings.Add(idle);
        MetadataRules.PrepareCreate(request, document, store.Time.GetUtcNow());
        RequireNamespace(request, document);
        DropStatus(resource, document);
        BodyDecoder.Default(resource, document);
        var admitted = await admission.MutateAsync(AdmissionOperation.Create, request, document, null);
        Complete(resource, admitted, null);
        var name = admitted.String("metadata", "name")!;
        var errors = new List<FieldError>();
        MetadataRules.Validate(resource, admitted, true, errors);
        Validate(request, admitted, null, errors);
        RequireServiceAccount(request, admitted);
        escalation.Check(request, admitted, null);
        await admission.ValidateAsync(AdmissionOperation.Create, request, admitted, null);
        ManagedFieldsTracker.Track(request, null, admitted, store.Time);
        var kept = Conversion.ToStorage(admitted, resource);
        if (request.IsDryRun)
        {
            return store.Get(resource.StorageGroup(), resource.Plural, request.Namespace, name) is null
                ? StoredObject.Create(kept, 0)
                : throw ApiException.AlreadyExists(resource.Group, resource.Plural, name);
        }

        return store.Create(resource.StorageGroup(), resource.Plural, kept)
            ?? throw ApiException.AlreadyExists(resource.Group, resource.Plural, name);
    }

    /// <summary>Replaces an object by a client's document, which the caller no longer uses. A document with a resourceVersion is tried
    /// once.</summary>
    public Task<StoredObject> ReplaceAsync(ResourceRequest request, JsonObject document) =>
        UpdateAsync(request, _ => request.NamesVersion ? document : (JsonObject)document.DeepClone(), mustNameVersion: true);

    /// <summary>Updates an object, retrying on conflicts unless the change has a resourceVersion.</summary>
    /// <param name="request">The request.</param>
    /// <param name="change">Creates the new document.</param>
    public Task<StoredObject> UpdateAsync(ResourceRequest request, Change change) =>
        UpdateAsync(request, stored => change(Conversion.ServedDocument(stored, request.Resource)), mustNameVersion: false);

    private async Task<StoredObject> UpdateAsync(ResourceRequest request, Func<StoredObject, JsonObject> change, bool mustNameVersion)
    {
        var resource = request.Resource;
        var warnings = request.Warnings.Count;
        for (var attempt = 1; ; attempt++)
        {
            // Drop the warnings of a failed attempt: the next one adds them again.
            request.Warnings.RemoveRange(warnings, request.Warnings.Count - warnings);
            var stored = store.Get(resource.StorageGroup(), resource.Plural, request.Namespace, request.Name!) ?? throw request.NotFound();
            var old = Conversion.ServedDocument(stored, resource);
            var document = change(stored);
            var namesVersion = CheckVersion(request, stored, document, mustNameVersion);
            var saved = await TryUpdateAsync(request, stored, old, document);
            if (saved is not null)
                return saved;
            if (namesVersion || attempt == MaxAttempts)
                throw ApiException.Stale(resource.Group, resource.Plural, request.Name!);
        }
    }

    private async Task<StoredObject?> TryUpdateAsync(ResourceRequest request, StoredObject stored, JsonObject old, JsonObject document)
    {
        var resource = request.Resource;
        MetadataRules.PrepareUpdate(request, old, document);
        Confine(request, old, document);
        BodyDecoder.Default(resource, document);
        var admitted = await admission.MutateAsync(AdmissionOperation.Update, request, document, old);
        if (!ReferenceEquals(admitted, document))
        {
            MetadataRules.PrepareUpdate(request, old, admitted);
            Confine(request, old, admitted);
        }

        Complete(resource, admitted, old);
        if (resource.Group == "apiextensions.k8s.io" && request.Subresource is null)
            CustomResources.DefinitionValidation.RecordStorageVersion(admitted);
        MetadataRules.CountGeneration(resource, old, admitted);
        var errors = new List<FieldError>();
        MetadataRules.Validate(resource, admitted, false, errors);
        Validate(request, admitted, old, errors);
        escalation.Check(request, admitted, old);
        await admission.ValidateAsync(AdmissionOperation.Update, request, admitted, old);
        ManagedFieldsTracker.Track(request, old, admitted, store.Time);
        MetadataRules.Metadata(admitted)["resourceVersion"] = old.String("metadata", "resourceVersion");
        ManagedFields.KeepTimes(old, admitted);
        var kept = Conversion.ToStorage(admitted, resource);

        // A write without changes is skipped, unless the object is stored in an older version: then it is stored again.
        if (JsonNode.DeepEquals(old, admitted) && kept.String("apiVersion") == stored.ApiVersion)
            return stored;
        if (request.IsDryRun)
            return StoredObject.Create(kept, stored.Revision);
        return IsFinished(resource, admitted)
            ? store.Remove(resource.StorageGroup(), resource.Plural, stored, kept)
            : store.Replace(resource.StorageGroup(), resource.Plural, stored, kept);
    }

    // An object being deleted is removed with its last finalizer.
    private static bool IsFinished(ResourceInfo resource, JsonObject document)
    {
        if (document.At("metadata", "deletionTimestamp") is null || MetadataRules.Finalizers(document).Count > 0)
            return false;
        return (resource.Group, resource.Kind) switch
        {
            ("", "Namespace") => document.Array("spec", "finalizers") is not { Count: > 0 },
            ("", "Pod") => document.Integer("metadata", "deletionGracePeriodSeconds") is null or 0,
            _ => true,
        };
    }

    private static bool CheckVersion(ResourceRequest request, StoredObject stored, JsonObject document, bool mustNameVersion)
    {
        var resource = request.Resource;
        var version = document.String("metadata", "resourceVersion");
        if (string.IsNullOrEmpty(version) || version == "0")
        {
            if (mustNameVersion && MustNameVersion(resource))
            {
                throw ApiException.Invalid(
                    resource.Group,
                    resource.Plural,
                    request.Name!,
                    [new FieldError("metadata.resourceVersion", "FieldValueInvalid", "Invalid value: 0x0: must be specified for an update")]
                );
            }

            return false;
        }

        if (version != stored.Revision.ToString(System.Globalization.CultureInfo.InvariantCulture))
            throw ApiException.Stale(resource.Group, resource.Plural, request.Name!);
        return mustNameVersion || request.NamesVersion;
    }

    // Kinds without unconditional updates, as in kube-apiserver.
    private static bool MustNameVersion(ResourceInfo resource) =>
        resource.Custom is not null
        || (resource.Group, resource.Kind)
            is
                ("coordination.k8s.io" or "admissionregistration.k8s.io" or "apiextensions.k8s.io", _)
                or
                ("policy", "PodDisruptionBudget")
                or
                ("node.k8s.io", "RuntimeClass");

    // A subresource changes only its part, and other updates do not change that part.
    private static void Confine(ResourceRequest request, JsonObject old, JsonObject document)
    {
        var resource = request.Resource;
        if (request.Subresource is null)
        {
            if (resource.HasStatus)
                Copy(old, document, "status");
            if (resource is { Group: "", Kind: "Namespace" })
                Copy(old, document, "spec");
            return;
        }

        if (request.Subresource is not ("status" or PodResize.Subresource))
            return;
        var part = request.Subresource == "status" ? "status" : "spec";
        foreach (var name in old.Select(p => p.Key).Union(document.Select(p => p.Key), StringComparer.Ordinal).ToList())
        {
            if (name != part && name != "metadata")
                Copy(old, document, name);
        }

        if (request.Subresource == PodResize.Subresource)
            PodResize.Confine(old, document);

        var before = MetadataRules.Metadata(old);
        var after = MetadataRules.Metadata(document);
        var mayLabel = part == "status" && resource is { Group: "", Kind: "Pod" or "Node" };
        foreach (var name in before.Select(p => p.Key).Union(after.Select(p => p.Key), StringComparer.Ordinal).ToList())
        {
            if (name is not ("resourceVersion" or "managedFields") && !(mayLabel && name is "labels" or "annotations"))
                Copy(before, after, name);
        }
    }

    private static void Copy(JsonObject from, JsonObject to, string name)
    {
        if (from.TryGetPropertyValue(name, out var value))
            to[name] = value?.DeepClone();
        else
            to.Remove(name);
    }

    private static void DropStatus(ResourceInfo resource, JsonObject document)
    {
        if (resource.HasStatus)
            document.Remove("status");
        if (resource is { Group: "", Kind: "Pod" })
        {
            document["status"] = new JsonObject { ["phase"] = "Pending", ["qosClass"] = PodQuality.Of(document.Object("spec")) };
        }
        else if (resource is { Group: "", Kind: "Namespace" })
        {
            document.Child("spec")["finalizers"] = new JsonArray("kubernetes");
        }
        else if (resource is { Group: "", Kind: "Service" })
        {
            document["status"] = new JsonObject { ["loadBalancer"] = new JsonObject() };
        }
        else if (resource.Custom is null && resource.HasStatus && resource.Group is "apps" or "batch")
        {
            document["status"] = resource.Kind == "ReplicaSet" ? new JsonObject { ["replicas"] = 0 } : new JsonObject();
        }
    }

    // Checks that depend on other objects, after admission has changed the object.
    private void Complete(ResourceInfo resource, JsonObject document, JsonObject? old)
    {
        if (resource is { Group: "", Kind: "Service" })
            _services.Allocate(document, old);
        if (resource is { Group: "apiextensions.k8s.io" })
        {
            const string cleanup = "customresourcecleanup.apiextensions.k8s.io";
            if (old is null && MetadataRules.Finalizers(document) is var finalizers && !finalizers.Contains(cleanup))
                document.Child("metadata")["finalizers"] = new JsonArray([.. finalizers.Append(cleanup).Select(f => (JsonNode)f)]);
        }
    }

    private static void Validate(ResourceRequest request, JsonObject document, JsonObject? old, List<FieldError> errors)
    {
        var resource = request.Resource;
        if (resource.Custom is null)
        {
            BuiltInValidation.Check(resource, document, old, errors, request.Subresource);
            if (resource.Group == "apiextensions.k8s.io")
                CustomResources.DefinitionValidation.Check(document, errors);
        }
        else
        {
            SchemaValidator.Validate(resource.Schema, document, errors);
        }

        if (errors.Count > 0)
            throw ApiException.Invalid(resource.Group, resource.Kind, document.String("metadata", "name") ?? "", errors);
    }

    private void RequireNamespace(ResourceRequest request, JsonObject document)
    {
        var resource = request.Resource;
        if (!resource.IsNamespaced)
            return;
        var ns = store.Get("", "namespaces", "", request.Namespace) ?? throw ApiException.NotFound("", "namespaces", request.Namespace);
        if (!ns.IsDeleting)
            return;
        var name = document.String("metadata", "name") ?? "";
        throw ApiException.Forbidden(
            resource.Group,
            resource.Plural,
            name,
            $"unable to create new content in namespace {request.Namespace} because it is being terminated",
            [
                new JsonObject
                {
                    ["reason"] = "NamespaceTerminating",
                    ["message"] = $"namespace {request.Namespace} is being terminated",
                    ["field"] = "metadata.namespace",
                },
            ]
        );
    }

    // Like Kubernetes' ServiceAccount admission. The account "default" is created with its namespace, so pods do not have to wait for it.
    private void RequireServiceAccount(ResourceRequest request, JsonObject pod)
    {
        if (request.Resource is not { Group: "", Plural: "pods" } || request.Caller.SkipsWebhooks)
            return;
        if (
            pod.String("spec", "serviceAccountName") is not { Length: > 0 } account
            || account == "default"
            || store.Get("", "serviceaccounts", request.Namespace, account) is not null
        )
            return;
        var name = pod.String("metadata", "generateName") is { Length: > 0 } prefix ? prefix : pod.String("metadata", "name") ?? "";
        throw ApiException.Forbidden(
            "",
            "pods",
            name,
            $"error looking up service account {request.Namespace}/{account}: serviceaccount \"{account}\" not found"
        );
    }
}
