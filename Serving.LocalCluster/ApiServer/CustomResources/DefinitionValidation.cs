using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.CustomResources;

/// <summary>Checks CustomResourceDefinitions.</summary>
internal static class DefinitionValidation
{
    public static void Check(JsonObject definition, List<FieldError> errors)
    {
        var spec = definition.Object("spec") ?? [];
        var (group, plural) = (spec.String("group") ?? "", spec.String("names", "plural") ?? "");
        foreach (
            var (path, value) in ((string, string?)[])
                [
                    ("spec.group", group),
                    ("spec.names.plural", plural),
                    ("spec.names.kind", spec.String("names", "kind")),
                    ("spec.scope", spec.String("scope")),
                ]
        )
        {
            if (string.IsNullOrEmpty(value))
                errors.Add(FieldError.Required(path));
        }

        if (definition.String("metadata", "name") != $"{plural}.{group}")
            errors.Add(
                FieldError.Invalid("metadata.name", definition.At("metadata", "name"), "must be spec.names.plural+\".\"+spec.group")
            );
        if (spec.String("scope") is { Length: > 0 } scope and not ("Namespaced" or "Cluster"))
            errors.Add(FieldError.NotSupported("spec.scope", scope, ["Cluster", "Namespaced"]));
        var versions = spec.Array("versions") ?? [];
        if (versions.Count(v => v.True("storage")) != 1)
            errors.Add(FieldError.Invalid("spec.versions", versions.Count, "must have exactly one version marked as storage version"));
        for (var i = 0; i < versions.Count; i++)
        {
            if (versions[i].Object("schema", "openAPIV3Schema") is null)
                errors.Add(FieldError.Required($"spec.versions[{i}].schema.openAPIV3Schema", "schemas are required"));
            CheckSelectable(versions[i], $"spec.versions[{i}].selectableFields", errors);
        }

        if (spec.String("conversion", "strategy") is "Webhook")
            errors.Add(FieldError.NotSupported("spec.conversion.strategy", "Webhook", ["None"]));

        CheckStoredVersions(definition, versions, errors);
    }

    /// <summary>Adds the storage version to status.storedVersions before any object is stored in it; other status of a new definition is
    /// set later.</summary>
    public static void RecordStorageVersion(JsonObject definition)
    {
        if (
            StorageVersion(definition) is { } storage
            && definition.Array("status", "storedVersions") is { } stored
            && !Names(stored).Contains(storage)
        )
            stored.Add(storage);
    }

    // A selectable field is a scalar in the schema.
    private static void CheckSelectable(JsonNode? version, string path, List<FieldError> errors)
    {
        var fields = version.Array("selectableFields") ?? [];
        for (var i = 0; i < fields.Count; i++)
        {
            var at = fields[i].String("jsonPath") ?? "";
            JsonNode? schema = version.Object("schema", "openAPIV3Schema");
            foreach (var step in at.TrimStart('.').Split('.'))
                schema = schema.At("properties", step);
            if (!at.StartsWith('.') || schema.String("type") is not ("string" or "boolean" or "integer"))
                errors.Add(
                    FieldError.Invalid(
                        $"{path}[{i}].jsonPath",
                        at,
                        "is an invalid path: it must name a string, boolean or integer of the schema"
                    )
                );
        }
    }

    // A version may be removed only when status.storedVersions no longer contains it.
    private static void CheckStoredVersions(JsonObject definition, JsonArray versions, List<FieldError> errors)
    {
        if (definition.At("status", "storedVersions") is not JsonArray stored)
            return;
        var known = versions.Select(v => v.String("name")).ToHashSet(StringComparer.Ordinal);
        var names = Names(stored).ToList();
        if (names.Count == 0)
            errors.Add(FieldError.Invalid("status.storedVersions", stored.DeepClone(), "must have at least one stored version"));
        for (var i = 0; i < names.Count; i++)
        {
            if (!known.Contains(names[i]))
            {
                errors.Add(
                    FieldError.Invalid(
                        $"status.storedVersions[{i}]",
                        names[i],
                        $"missing from spec.versions; {names[i]} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in {names[i]} and removes {names[i]} from status.storedVersions"
                    )
                );
            }
        }

        if (StorageVersion(definition) is { } storage && names.Count > 0 && !names.Contains(storage))
            errors.Add(FieldError.Invalid("status.storedVersions", stored.DeepClone(), $"must have the storage version {storage}"));
    }

    private static string? StorageVersion(JsonObject definition) =>
        (definition.Array("spec", "versions") ?? []).FirstOrDefault(v => v.True("storage")).String("name");

    private static IEnumerable<string> Names(JsonArray versions) => versions.Select(v => v?.GetValue<string>() ?? "");
}
