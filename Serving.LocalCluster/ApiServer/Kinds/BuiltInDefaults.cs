using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Kinds;

/// <summary>The defaults of the built-in kinds, as kube-apiserver sets them on every write.</summary>
internal static class BuiltInDefaults
{
    public static void Apply(ResourceInfo resource, JsonObject document)
    {
        switch ((resource.Group, resource.Kind))
        {
            case ("", "Pod"):
                PodDefaults.Apply(document.Child("spec"));
                break;
            case ("", "PodTemplate"):
                PodDefaults.ApplyTemplate(document["template"]);
                break;
            case ("", "Service"):
                Service(document.Child("spec"));
                break;
            case ("", "Secret"):
                Secret(document);
                break;
            case ("", "Namespace"):
                Namespace(document);
                break;
            case ("", "Endpoints"):
                foreach (var port in (document.Array("subsets") ?? []).SelectMany(s => s.Array("ports") ?? []).OfType<JsonObject>())
                    port.Default("protocol", "TCP");
                break;
            case ("", "PersistentVolumeClaim"):
                document.Child("spec").Default("volumeMode", "Filesystem");
                break;
            case ("", "PersistentVolume"):
                document.Child("spec").Default("volumeMode", "Filesystem");
                document.Child("spec").Default("persistentVolumeReclaimPolicy", "Retain");
                break;
            case ("apps" or "batch", _) or ("", "ReplicationController"):
                WorkloadDefaults.Apply(resource.Kind, document);
                break;
            case ("autoscaling", _):
                document.Child("spec").Default("minReplicas", 1);
                break;
            case ("discovery.k8s.io", _):
                foreach (var port in (document.Array("ports") ?? []).OfType<JsonObject>())
                {
                    port.Default("protocol", "TCP");
                    port.Default("name", "");
                }

                break;
            case ("networking.k8s.io", "NetworkPolicy"):
                NetworkPolicy(document.Child("spec"));
                break;
            case ("networking.k8s.io", "Ingress"):
                document.Default("status", new JsonObject { ["loadBalancer"] = new JsonObject() });
                break;
            case ("rbac.authorization.k8s.io", "RoleBinding" or "ClusterRoleBinding"):
                RoleBinding(document);
                break;
            case ("admissionregistration.k8s.io", _):
                Webhooks(document, resource.Kind == "MutatingWebhookConfiguration");
                break;
            case ("apiextensions.k8s.io", _):
                Definition(document.Child("spec"));
                break;
            case ("storage.k8s.io", _):
                document.Default("reclaimPolicy", "Delete");
                document.Default("volumeBindingMode", "Immediate");
                break;
            case ("scheduling.k8s.io", _):
                document.Default("preemptionPolicy", "PreemptLowerPriority");
                break;
        }
    }

    private static void Service(JsonObject spec)
    {
        spec.Default("sessionAffinity", "None");
        spec.Default("type", "ClusterIP");
        var type = spec.String("type");
        if (spec.String("sessionAffinity") == "ClientIP")
            spec.Child("sessionAffinityConfig").Child("clientIP").Default("timeoutSeconds", 10800);
        foreach (var port in (spec.Array("ports") ?? []).OfType<JsonObject>())
        {
            port.Default("protocol", "TCP");
            if (
                (port["targetPort"] is null || port.Integer("targetPort") == 0 || port.String("targetPort") == "")
                && port["port"] is { } number
            )
                port["targetPort"] = number.DeepClone();
        }

        if (type == "ExternalName")
            return;
        spec.Default("internalTrafficPolicy", "Cluster");
        if (type is "NodePort" or "LoadBalancer")
            spec.Default("externalTrafficPolicy", "Cluster");
        if (type == "LoadBalancer")
            spec.Default("allocateLoadBalancerNodePorts", true);
    }

    private static void Secret(JsonObject secret)
    {
        secret.Default("type", "Opaque");
        if (secret.Object("stringData") is not { } plain)
            return;
        var data = secret.Child("data");
        foreach (var (name, value) in plain)
            data[name] = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(value?.GetValue<string>() ?? ""));
        secret.Remove("stringData");
    }

    private static void Namespace(JsonObject ns)
    {
        ns.Child("status").Default("phase", "Active");
        if (ns.String("metadata", "name") is { Length: > 0 } name)
            ns.Child("metadata").Child("labels")["kubernetes.io/metadata.name"] = name;
    }

    private static void NetworkPolicy(JsonObject spec)
    {
        spec.Default("podSelector", new JsonObject());
        if (spec["policyTypes"] is null)
            spec["policyTypes"] = spec.Array("egress") is { Count: > 0 } ? new JsonArray("Ingress", "Egress") : new JsonArray("Ingress");
        foreach (
            var port in (spec.Array("ingress") ?? [])
                .Concat(spec.Array("egress") ?? [])
                .SelectMany(r => r.Array("ports") ?? [])
                .OfType<JsonObject>()
        )
            port.Default("protocol", "TCP");
    }

    private static void RoleBinding(JsonObject binding)
    {
        if (binding["roleRef"] is JsonObject role && string.IsNullOrEmpty(role.String("apiGroup")))
            role["apiGroup"] = "rbac.authorization.k8s.io";
        foreach (var subject in (binding.Array("subjects") ?? []).OfType<JsonObject>())
        {
            if (string.IsNullOrEmpty(subject.String("apiGroup")) && subject.String("kind") is "User" or "Group")
                subject["apiGroup"] = "rbac.authorization.k8s.io";
        }
    }

    private static void Webhooks(JsonObject configuration, bool isMutating)
    {
        foreach (var webhook in (configuration.Array("webhooks") ?? []).OfType<JsonObject>())
        {
            webhook.Default("failurePolicy", "Fail");
            webhook.Default("matchPolicy", "Equivalent");
            webhook.Default("namespaceSelector", new JsonObject());
            webhook.Default("objectSelector", new JsonObject());
            webhook.Default("timeoutSeconds", 10);
            if (isMutating)
                webhook.Default("reinvocationPolicy", "Never");
            webhook.Object("clientConfig", "service")?.Default("port", 443);
            foreach (var rule in (webhook.Array("rules") ?? []).OfType<JsonObject>())
                rule.Default("scope", "*");
        }
    }

    private static void Definition(JsonObject spec)
    {
        var names = spec.Child("names");
        if (names.String("kind") is { Length: > 0 } kind)
        {
            names.Default("singular", kind.ToLowerInvariant());
            names.Default("listKind", kind + "List");
        }

        spec.Default("conversion", new JsonObject { ["strategy"] = "None" });
    }
}
