using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Schemas;
using Serving.LocalCluster.ApiServer.Security.Rbac;

namespace Serving.LocalCluster.ApiServer.Kinds;

/// <summary>The common validation rules of the built-in kinds: required and immutable fields.</summary>
internal static partial class BuiltInValidation
{
    /// <summary>Validates an object.</summary>
    /// <param name="resource">Its kind.</param>
    /// <param name="document">The new object.</param>
    /// <param name="old">The stored object; null for a create.</param>
    /// <param name="errors">The list to which errors are added.</param>
    /// <param name="subresource">The subresource that is written; null for the object itself.</param>
    public static void Check(
        ResourceInfo resource,
        JsonObject document,
        JsonObject? old,
        List<FieldError> errors,
        string? subresource = null
    )
    {
        switch ((resource.Group, resource.Kind))
        {
            case ("", "Pod"):
                Pod(document, old, subresource, errors);
                break;
            case ("apps", "Deployment"):
                Workload(document, old, errors);
                RolloutValidation.Check(document.Object("spec") ?? [], errors);
                break;
            case ("apps", "ReplicaSet" or "StatefulSet" or "DaemonSet"):
                Workload(document, old, errors);
                break;
            case ("batch", "Job"):
                PodSpec(document.Object("spec", "template", "spec"), "spec.template.spec", errors);
                break;
            case ("", "Service"):
                Service(document, errors);
                break;
            case ("", "Endpoints"):
                EndpointsValidation.Check(document, errors);
                break;
            case ("discovery.k8s.io", "EndpointSlice"):
                EndpointsValidation.CheckSlice(document, old, errors);
                break;
            case ("autoscaling", "HorizontalPodAutoscaler") when resource.Version == "v2":
                HorizontalPodAutoscalerValidation.Check(document, errors);
                break;
            case ("", "ConfigMap" or "Secret"):
                Data(document, old, errors);
                break;
            case (Policy.Group, _):
                RbacValidation.Check(resource.Kind, document, old, errors);
                break;
            case ("coordination.k8s.io", _):
                if (document.Integer("spec", "leaseDurationSeconds") is <= 0)
                    errors.Add(
                        FieldError.Invalid(
                            "spec.leaseDurationSeconds",
                            document.At("spec", "leaseDurationSeconds"),
                            "must be greater than 0"
                        )
                    );
                break;
        }
    }

    private static void Pod(JsonObject document, JsonObject? old, string? subresource, List<FieldError> errors)
    {
        PodSpec(document.Object("spec"), "spec", errors);
        PodAnnotationRules.Check(document.Object("metadata"), old.Object("metadata"), "metadata", errors);
        if (old is null)
            return;
        if (subresource == PodResize.Subresource)
        {
            PodResize.Check(document, old, errors);
        }
        else if (!PodSpecUnchanged(old, document))
        {
            errors.Add(
                FieldError.Forbidden(
                    "spec",
                    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
                )
            );
        }
    }

    private static void Workload(JsonObject document, JsonObject? old, List<FieldError> errors)
    {
        var spec = document.Object("spec") ?? [];
        var selector = spec.Object("selector");
        if (selector is null)
            errors.Add(FieldError.Required("spec.selector"));
        if (spec.Integer("replicas") is < 0)
            errors.Add(FieldError.Invalid("spec.replicas", spec["replicas"], "must be greater than or equal to 0"));
        if (spec.Object("template") is null)
        {
            errors.Add(FieldError.Required("spec.template"));
            return;
        }

        var labels = (spec.Object("template", "metadata", "labels") ?? []).ToDictionary(
            l => l.Key,
            l => l.Value?.GetValue<string>() ?? "",
            StringComparer.Ordinal
        );
        if (selector is not null && !Selector.Matches(selector, labels))
        {
            errors.Add(
                FieldError.Invalid(
                    "spec.template.metadata.labels",
                    spec.At("template", "metadata", "labels") ?? new JsonObject(),
                    "`selector` does not match template `labels`"
                )
            );
        }

        if (old is not null && !JsonNode.DeepEquals(old.At("spec", "selector"), selector))
            errors.Add(FieldError.Invalid("spec.selector", selector, "field is immutable"));
        PodSpec(spec.Object("template", "spec"), "spec.template.spec", errors);
        PodAnnotationRules.Check(
            spec.Object("template", "metadata"),
            old.Object("spec", "template", "metadata"),
            "spec.template.metadata",
            errors
        );
    }

    private static void PodSpec(JsonObject? spec, string path, List<FieldError> errors)
    {
        if (spec?.Array("containers") is not { Count: > 0 } containers)
        {
            errors.Add(FieldError.Required($"{path}.containers"));
            return;
        }

        var volumes = spec.Array("volumes") ?? [];
        VolumeRules.Check(volumes, $"{path}.volumes", errors);
        var mountable = volumes.Select(v => v.String("name") ?? "").ToHashSet(StringComparer.Ordinal);
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var list in (string[])["containers", "initContainers"])
        {
            var members = spec.Array(list) ?? [];
            for (var i = 0; i < members.Count; i++)
            {
                var here = $"{path}.{list}[{i}]";
                var isOnce = list == "initContainers" && members[i].String("restartPolicy") != "Always";
                Container(members[i], isOnce, names, mountable, here, errors);
                ResizePolicyRules.Check(members[i], isOnce, spec.String("restartPolicy"), here, errors);
            }
        }
    }

    private static void Container(
        JsonNode? container,
        bool isOnce,
        HashSet<string> names,
        IReadOnlySet<string> volumes,
        string path,
        List<FieldError> errors
    )
    {
        var name = container.String("name") ?? "";
        if (name.Length == 0)
            errors.Add(FieldError.Required($"{path}.name"));
        else if (!Names.IsLabel(name))
            errors.Add(FieldError.Invalid($"{path}.name", name, Names.LabelRule));
        else if (!names.Add(name))
            errors.Add(FieldError.Duplicate($"{path}.name", name));
        if (string.IsNullOrEmpty(container.String("image")))
            errors.Add(FieldError.Required($"{path}.image"));
        ContainerRules.Check(container, volumes, path, errors);
        ProbeRules.Check(container, isOnce, path, errors);
    }

    private static bool PodSpecUnchanged(JsonObject old, JsonObject document)
    {
        var (before, after) = (Frozen(old), Frozen(document));
        return JsonNode.DeepEquals(before, after);

        static JsonNode Frozen(JsonObject pod)
        {
            var spec = (JsonObject?)pod["spec"]?.DeepClone() ?? [];
            foreach (
                var name in (string[])
                    [
                        "activeDeadlineSeconds",
                        "tolerations",
                        "terminationGracePeriodSeconds",
                        "schedulingGates",
                        "nodeName",
                        "ephemeralContainers",
                    ]
            )
                spec.Remove(name);
            foreach (var list in (string[])["containers", "initContainers"])
            {
                if (spec.Array(list) is not { } containers)
                    continue;
                spec[list] = new JsonArray([.. containers.Select(ComparablePod.Container)]);
                foreach (var container in (spec.Array(list) ?? []).OfType<JsonObject>())
                    container.Remove("image");
            }

            return spec;
        }
    }

    private static void Service(JsonObject service, List<FieldError> errors)
    {
        var spec = service.Object("spec") ?? [];
        var type = spec.String("type");
        if (type is not ("ClusterIP" or "NodePort" or "LoadBalancer" or "ExternalName"))
            errors.Add(FieldError.NotSupported("spec.type", spec["type"], ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]));
        var ports = spec.Array("ports") ?? [];
        var isHeadless = spec.String("clusterIP") == "None";
        if (ports.Count == 0 && type != "ExternalName" && !isHeadless)
            errors.Add(FieldError.Required("spec.ports"));
        if (type == "ExternalName" && string.IsNullOrEmpty(spec.String("externalName")))
            errors.Add(FieldError.Required("spec.externalName"));
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var served = new HashSet<(long Port, string Protocol)>();
        for (var i = 0; i < ports.Count; i++)
        {
            var here = $"spec.ports[{i}]";
            var name = ports[i].String("name") ?? "";
            if (ports.Count > 1 && name.Length == 0)
                errors.Add(FieldError.Required($"{here}.name"));
            else if (name.Length > 0 && !Names.IsLabel(name))
                errors.Add(FieldError.Invalid($"{here}.name", name, Names.LabelRule));
            else if (name.Length > 0 && !seen.Add(name))
                errors.Add(FieldError.Duplicate($"{here}.name", name));
            PortRules.Number(ports[i]?["port"], $"{here}.port", errors);
            var protocol = ports[i].String("protocol") is { Length: > 0 } given ? given : "TCP";
            if (!ContainerRules.Protocols.Contains(protocol))
                errors.Add(FieldError.NotSupported($"{here}.protocol", protocol, ContainerRules.Protocols));
            else if (!served.Add((ports[i].Integer("port") ?? 0, protocol)))
                errors.Add(FieldError.Duplicate(here, $"{ports[i].Integer("port")}/{protocol}"));
            if (ports[i]?["targetPort"] is { } target && ports[i].Integer("targetPort") != 0 && type != "ExternalName")
                PortRules.NumberOrName(target, $"{here}.targetPort", errors);
            if (ports[i].Integer("nodePort") is < 0 or > 65535)
                PortRules.Number(ports[i]!["nodePort"], $"{here}.nodePort", errors);
        }
    }

    private static void Data(JsonObject document, JsonObject? old, List<FieldError> errors)
    {
        foreach (var part in (string[])["data", "binaryData"])
        {
            foreach (var (key, value) in document.Object(part) ?? [])
            {
                if (!ConfigKey().IsMatch(key))
                {
                    errors.Add(
                        FieldError.Invalid(
                            $"{part}[{key}]",
                            key,
                            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
                        )
                    );
                }

                if (document.String("kind") == "Secret" && value is not null && !Formats.IsValid("byte", value.GetValue<string>()))
                    throw ApiException.BadRequest(
                        $"Secret in version \"v1\" cannot be handled as a Secret: illegal base64 data in field Secret.data.{key}"
                    );
            }
        }

        if (document.String("kind") == "Secret" && old is not null && old.String("type") != document.String("type"))
            errors.Add(FieldError.Invalid("type", document["type"], "field is immutable"));
        if (
            old is not null
            && old.True("immutable")
            && !(
                JsonNode.DeepEquals(old["data"], document["data"])
                && JsonNode.DeepEquals(old["binaryData"], document["binaryData"])
                && document.True("immutable")
            )
        )
            errors.Add(FieldError.Forbidden("data", "field is immutable when `immutable` is set"));
    }

    [GeneratedRegex(@"^[-._a-zA-Z0-9]+$", RegexOptions.CultureInvariant)]
    private static partial Regex ConfigKey();
}
