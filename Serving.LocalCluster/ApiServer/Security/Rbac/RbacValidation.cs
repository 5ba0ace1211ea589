using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Security.Rbac;

/// <summary>Validates roles and bindings; the texts are kube-apiserver's.</summary>
internal static class RbacValidation
{
    /// <summary>Adds the errors of a role or a binding.</summary>
    public static void Check(string kind, JsonObject document, JsonObject? old, List<FieldError> errors)
    {
        if (kind is "Role" or "ClusterRole")
            Role(kind, document, errors);
        else
            Binding(kind, document, old, errors);
    }

    private static void Role(string kind, JsonObject document, List<FieldError> errors)
    {
        var rules = PolicyRule.ParseAll(document.Array("rules"));
        for (var i = 0; i < rules.Length; i++)
            Rule(rules[i], kind == "Role", $"rules[{i}]", errors);
        if (document["aggregationRule"] is { } aggregation && aggregation.Array("clusterRoleSelectors") is not { Count: > 0 })
            errors.Add(
                FieldError.Required(
                    "aggregationRule.clusterRoleSelectors",
                    "at least one clusterRoleSelector required if aggregationRule is non-nil"
                )
            );
    }

    private static void Rule(PolicyRule rule, bool isNamespaced, string path, List<FieldError> errors)
    {
        if (rule.Verbs.Length == 0)
            errors.Add(FieldError.Required($"{path}.verbs", "verbs must contain at least one value"));
        if (rule.Paths.Length > 0)
        {
            if (isNamespaced)
                errors.Add(
                    FieldError.Invalid($"{path}.nonResourceURLs", Strings(rule.Paths), "namespaced rules cannot apply to non-resource URLs")
                );
            if (rule.Groups.Length > 0 || rule.Resources.Length > 0 || rule.ResourceNames.Length > 0)
                errors.Add(
                    FieldError.Invalid(
                        $"{path}.nonResourceURLs",
                        Strings(rule.Paths),
                        "rules cannot apply to both regular resources and non-resource URLs"
                    )
                );
            return;
        }

        if (rule.Groups.Length == 0)
            errors.Add(FieldError.Required($"{path}.apiGroups", "resource rules must supply at least one api group"));
        if (rule.Resources.Length == 0)
            errors.Add(FieldError.Required($"{path}.resources", "resource rules must supply at least one resource"));
    }

    private static void Binding(string kind, JsonObject document, JsonObject? old, List<FieldError> errors)
    {
        if (old is not null && !JsonNode.DeepEquals(old["roleRef"], document["roleRef"]))
            errors.Add(FieldError.Invalid("roleRef", document["roleRef"], "cannot change roleRef"));
        if (document.String("roleRef", "apiGroup") != Policy.Group)
            errors.Add(FieldError.NotSupported("roleRef.apiGroup", document.At("roleRef", "apiGroup"), [Policy.Group]));
        string[] kinds = kind == "RoleBinding" ? ["Role", "ClusterRole"] : ["ClusterRole"];
        if (!kinds.Contains(document.String("roleRef", "kind")))
            errors.Add(FieldError.NotSupported("roleRef.kind", document.At("roleRef", "kind"), kinds));
        if (string.IsNullOrEmpty(document.String("roleRef", "name")))
            errors.Add(FieldError.Required("roleRef.name"));
        var subjects = document.Array("subjects") ?? [];
        for (var i = 0; i < subjects.Count; i++)
            Subject(subjects[i], kind == "RoleBinding", $"subjects[{i}]", errors);
    }

    private static void Subject(JsonNode? subject, bool isNamespaced, string path, List<FieldError> errors)
    {
        if (string.IsNullOrEmpty(subject.String("name")))
            errors.Add(FieldError.Required($"{path}.name"));
        var group = subject.String("apiGroup") ?? "";
        switch (subject.String("kind"))
        {
            case "ServiceAccount":
                if (group.Length > 0)
                    errors.Add(FieldError.NotSupported($"{path}.apiGroup", subject.At("apiGroup"), [""]));
                if (!isNamespaced && string.IsNullOrEmpty(subject.String("namespace")))
                    errors.Add(FieldError.Required($"{path}.namespace"));
                break;
            case "User" or "Group":
                if (group != Policy.Group)
                    errors.Add(FieldError.NotSupported($"{path}.apiGroup", subject.At("apiGroup"), [Policy.Group]));
                break;
            default:
                errors.Add(FieldError.NotSupported($"{path}.kind", subject.At("kind"), ["ServiceAccount", "User", "Group"]));
                break;
        }
    }

    private static JsonArray Strings(string[] values) => new([.. values.Select(v => (JsonNode)v)]);
}
