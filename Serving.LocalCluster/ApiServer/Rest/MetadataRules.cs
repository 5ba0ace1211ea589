using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Kinds;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>Handling of metadata on writes, for all kinds.</summary>
internal static class MetadataRules
{
    private const string NameAlphabet = "bcdfghjklmnpqrstvwxz2456789";

    /// <summary>Sets the metadata of a new object.</summary>
    public static void PrepareCreate(ResourceRequest request, JsonObject document, DateTimeOffset now)
    {
        var metadata = Metadata(document);
        CheckNamespace(request, metadata);
        if (string.IsNullOrEmpty(metadata.String("name")))
        {
            if (metadata.String("generateName") is { Length: > 0 } prefix)
                metadata["name"] = string.Concat(prefix.Length > 58 ? prefix[..58] : prefix, Random.Shared.GetItems<char>(NameAlphabet, 5));
            else if (request.Name is not null)
                metadata["name"] = request.Name;
            else
                throw ApiException.Invalid(
                    request.Resource.Group,
                    request.Resource.Kind,
                    "",
                    [FieldError.Required("metadata.name", "name or generateName is required")]
                );
        }

        foreach (var name in (string[])["resourceVersion", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"])
            metadata.Remove(name);
        if (!request.HasTrackedFields)
            metadata.Remove("managedFields");
        metadata["uid"] = Guid.NewGuid().ToString();
        metadata["creationTimestamp"] = Json.Time(now);
        if (HasGeneration(request.Resource))
            metadata["generation"] = 1;
        else
            metadata.Remove("generation");
    }

    /// <summary>Copies immutable metadata from the stored object, and updates the generation.</summary>
    public static void PrepareUpdate(ResourceRequest request, JsonObject old, JsonObject document)
    {
        var before = Metadata(old);
        var metadata = Metadata(document);
        CheckNamespace(request, metadata);
        var resource = request.Resource;
        var name = before.String("name")!;
        if (metadata.String("name") is not { Length: > 0 })
            metadata["name"] = name;
        if (metadata.String("name") != name)
            throw ApiException.BadRequest(
                $"the name of the object ({metadata.String("name")}) does not match the name on the URL ({name})"
            );
        if (metadata.String("uid") is { Length: > 0 } uid && uid != before.String("uid"))
        {
            throw ApiException.Conflict(
                resource.Group,
                resource.Plural,
                name,
                $"Precondition failed: UID in precondition: {uid}, UID in object meta: {before.String("uid")}"
            );
        }

        foreach (
            var field in (string[])
                ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generateName", "generation", "selfLink"]
        )
        {
            if (before[field] is { } kept)
                metadata[field] = kept.DeepClone();
            else
                metadata.Remove(field);
        }

        if (before["deletionTimestamp"] is not null)
        {
            var had = Finalizers(old);
            var added = Finalizers(document).Except(had, StringComparer.Ordinal).ToList();
            if (added.Count > 0)
            {
                throw ApiException.Invalid(
                    resource.Group,
                    resource.Kind,
                    name,
                    [
                        FieldError.Forbidden(
                            "metadata.finalizers",
                            $"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{string.Join(", ", added.Select(a => $"\"{a}\""))}}}"
                        ),
                    ]
                );
            }
        }
    }

    /// <summary>Increments the generation when the desired state has changed.</summary>
    public static void CountGeneration(ResourceInfo resource, JsonObject old, JsonObject document)
    {
        if (!HasGeneration(resource) || Wanted(resource, old, document))
            return;
        document.Child("metadata")["generation"] = (old.Integer("metadata", "generation") ?? 0) + 1;
    }

    /// <summary>Validates metadata.</summary>
    public static void Validate(ResourceInfo resource, JsonObject document, bool isNew, List<FieldError> errors)
    {
        var metadata = Metadata(document);
        var name = metadata.String("name") ?? "";
        if (isNew && Names.Broken(resource, name) is { } rule)
            errors.Add(FieldError.Invalid("metadata.name", name, rule));
        foreach (var (key, value) in metadata.Object("labels") ?? [])
        {
            if (!Names.IsQualified(key))
                errors.Add(FieldError.Invalid("metadata.labels", key, Names.QualifiedRule));
            var text = StringOf(value, "metadata.labels");
            if (text.Length > 63)
                errors.Add(FieldError.Invalid("metadata.labels", text, "must be no more than 63 characters"));
            else if (!Names.IsLabelValue(text))
                errors.Add(FieldError.Invalid("metadata.labels", text, Names.LabelValueRule));
        }

        var size = 0L;
        foreach (var (key, value) in metadata.Object("annotations") ?? [])
        {
            if (!Names.IsQualified(key.ToLowerInvariant()))
                errors.Add(FieldError.Invalid("metadata.annotations", key, Names.QualifiedRule));
            size += key.Length + StringOf(value, "metadata.annotations").Length;
        }

        const int mostAnnotations = 256 * 1024;
        if (size > mostAnnotations)
            errors.Add(
                new FieldError("metadata.annotations", "FieldValueTooLong", $"Too long: may not be more than {mostAnnotations} bytes")
            );
        CheckOwners(metadata, errors);
    }

    /// <summary>The finalizers of an object.</summary>
    public static List<string> Finalizers(JsonObject document) =>
        [.. (document.Array("metadata", "finalizers") ?? []).Select(f => f?.GetValue<string>() ?? "")];

    /// <summary>The metadata of an object, created if it does not exist.</summary>
    public static JsonObject Metadata(JsonObject document) =>
        document["metadata"] switch
        {
            null => document.Child("metadata"),
            JsonObject metadata => metadata,
            _ => throw ApiException.BadRequest("json: cannot unmarshal metadata into an ObjectMeta"),
        };

    private static void CheckOwners(JsonObject metadata, List<FieldError> errors)
    {
        var controllers = 0;
        var owners = metadata.Array("ownerReferences") ?? [];
        for (var i = 0; i < owners.Count; i++)
        {
            foreach (var required in (string[])["apiVersion", "kind", "name", "uid"])
            {
                if (string.IsNullOrEmpty(owners[i].String(required)))
                    errors.Add(
                        FieldError.Invalid(
                            $"metadata.ownerReferences[{i}].{required}",
                            "",
                            $"{(required == "apiVersion" ? "version" : required)} must not be empty"
                        )
                    );
            }

            if (owners[i].True("controller") && ++controllers > 1)
                errors.Add(
                    FieldError.Invalid("metadata.ownerReferences", owners.DeepClone(), "Only one reference can have Controller set to true")
                );
        }
    }

    private static string StringOf(JsonNode? value, string path) =>
        value is null ? ""
        : value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>()
        : throw ApiException.BadRequest(
            $"json: cannot unmarshal {value.GetValueKind().ToString().ToLowerInvariant()} into Go struct field ObjectMeta.{path} of type string"
        );

    private static void CheckNamespace(ResourceRequest request, JsonObject metadata)
    {
        if (!request.Resource.IsNamespaced)
        {
            metadata.Remove("namespace");
            return;
        }

        if (metadata.String("namespace") is { Length: > 0 } ns && ns != request.Namespace)
            throw ApiException.BadRequest($"the namespace of the provided object does not match the namespace sent on the request");
        metadata["namespace"] = request.Namespace;
    }

    private static bool HasGeneration(ResourceInfo resource) =>
        resource.Custom is not null
        || (resource.Group, resource.Kind) switch
        {
            ("", "Pod" or "ReplicationController") => true,
            (
                "apps"
                    or "batch"
                    or "policy"
                    or "networking.k8s.io"
                    or "apiextensions.k8s.io"
                    or "admissionregistration.k8s.io"
                    or "discovery.k8s.io"
                    or "scheduling.k8s.io",
                _
            ) => true,
            _ => false,
        };

    // Whether everything except metadata and (with a status subresource) the status is unchanged.
    private static bool Wanted(ResourceInfo resource, JsonObject old, JsonObject document)
    {
        foreach (var name in old.Select(p => p.Key).Union(document.Select(p => p.Key), StringComparer.Ordinal))
        {
            if (name is "metadata" or "apiVersion" or "kind" || (name == "status" && (resource.HasStatus || resource.Custom is null)))
                continue;
            if (!JsonNode.DeepEquals(old[name], document[name]) && !IsBinding(resource, name, old, document))
                return false;
        }

        return true;
    }

    // The scheduler's decision is not a change of what the user wants.
    private static bool IsBinding(ResourceInfo resource, string name, JsonObject old, JsonObject document)
    {
        if (name != "spec" || resource is not { Group: "", Kind: "Pod" } || !string.IsNullOrEmpty(old.String("spec", "nodeName")))
            return false;
        var before = (JsonObject?)old["spec"]?.DeepClone() ?? [];
        if (document.At("spec", "nodeName") is { } node)
            before["nodeName"] = node.DeepClone();
        return JsonNode.DeepEquals(before, document["spec"]);
    }
}
