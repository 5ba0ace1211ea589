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
        foreach (var (path, value) in ((string, string?)[])[("spec.group", group), ("spec.names.plural", plural), ("spec.names.kind", spec.String("names", "kind")), ("spec.scope", spec.String("scope"))])
        {
            if (string.IsNullOrEmpty(value))
                errors.Add(FieldError.Required(path));
        }

        if (definition.String("metadata", "name") != $"{plural}.{group}")
            errors.Add(FieldError.Invalid("metadata.name", definition.At("metadata", "name"), "must be spec.names.plural+\".\"+spec.group"));
        if (spec.String("scope") is { Length: > 0 } scope and not ("Namespaced" or "Cluster"))
            errors.Add(FieldError.NotSupported("spec.scope", scope, ["Cluster", "Namespaced"]));
        var versions = spec.Array("versions") ?? [];
        if (versions.Count(v => v.True("storage")) != 1)
            errors.Add(FieldError.Invalid("spec.versions", versions.Count, "must have exactly one version marked as storage version"));
        for (var i = 0; i < versions.Count; i++)
        {
            if (versions[i].Object("schema", "openAPIV3Schema") is null)
                errors.Add(FieldError.Required($"spec.versions[{i}].schema.openAPIV3Schema", "schemas are required"));
        }

        if (spec.String("conversion", "strategy") is "Webhook")
            errors.Add(FieldError.NotSupported("spec.conversion.strategy", "Webhook", ["None"]));
    }
}
