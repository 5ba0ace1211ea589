using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Tables;

/// <summary>The columns of the built-in kinds, as in kube-apiserver.</summary>
internal static class BuiltInColumns
{
    public static readonly TableColumn Name = new(
        "Name",
        "string",
        0,
        "name",
        "Name must be unique within a namespace.",
        (d, _) => d.String("metadata", "name")
    );

    private static readonly TableColumn Age = Text("Age", (d, now) => TableWriter.Age(d.String("metadata", "creationTimestamp"), now));

    private static readonly Dictionary<(string, string), List<TableColumn>> ByKind = new()
    {
        [("", "Pod")] =
        [
            Name,
            Text("Ready", (d, _) => PodCells.Ready(d)),
            Text("Status", (d, _) => PodCells.Status(d)),
            Text("Restarts", PodCells.Restarts),
            Age,
            Wide("IP", d => d.String("status", "podIP") ?? "<none>"),
            Wide("Node", d => d.String("spec", "nodeName") ?? "<none>"),
            Wide("Nominated Node", d => d.String("status", "nominatedNodeName") ?? "<none>"),
            Wide("Readiness Gates", _ => "<none>"),
        ],
        [("", "Service")] =
        [
            Name,
            Text("Type", (d, _) => d.String("spec", "type")),
            Text("Cluster-IP", (d, _) => d.String("spec", "clusterIP") is { Length: > 0 } ip ? ip : "<none>"),
            Text("External-IP", (d, _) => WorkloadCells.ExternalIP(d)),
            Text("Port(s)", (d, _) => WorkloadCells.ServicePorts(d)),
            Age,
            Wide("Selector", d => WorkloadCells.Labels(d.Object("spec", "selector"))),
        ],
        [("", "Endpoints")] = [Name, Text("Endpoints", (d, _) => WorkloadCells.Endpoints(d)), Age],
        [("discovery.k8s.io", "EndpointSlice")] =
        [
            Name,
            Text("AddressType", (d, _) => d.String("addressType")),
            Text(
                "Ports",
                (d, _) =>
                    Join(
                        d.Array("ports"),
                        p => p.Integer("port")?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "*",
                        "<unset>"
                    )
            ),
            Text(
                "Endpoints",
                (d, _) =>
                    Join(d.Array("endpoints"), e => e.Array("addresses") is [{ } first, ..] ? first.GetValue<string>() : "", "<unset>")
            ),
            Age,
        ],
        [("", "ConfigMap")] = [Name, Number("Data", d => (d.Object("data")?.Count ?? 0) + (d.Object("binaryData")?.Count ?? 0)), Age],
        [("", "Secret")] = [Name, Text("Type", (d, _) => d.String("type")), Number("Data", d => d.Object("data")?.Count ?? 0), Age],
        [("", "Namespace")] = [Name, Text("Status", (d, _) => d.String("status", "phase")), Age],
        [("", "ServiceAccount")] = [Name, Number("Secrets", d => d.Array("secrets")?.Count ?? 0), Age],
        [("", "Node")] =
        [
            Name,
            Text("Status", (d, _) => WorkloadCells.NodeStatus(d)),
            Text("Roles", (d, _) => WorkloadCells.NodeRoles(d)),
            Age,
            Text("Version", (d, _) => d.String("status", "nodeInfo", "kubeletVersion") ?? ""),
            Wide(
                "Internal-IP",
                d =>
                    (d.Array("status", "addresses") ?? []).FirstOrDefault(a => a.String("type") == "InternalIP").String("address")
                    ?? "<none>"
            ),
            Wide("External-IP", _ => "<none>"),
            Wide("OS-Image", d => d.String("status", "nodeInfo", "osImage") ?? "<unknown>"),
            Wide("Kernel-Version", d => d.String("status", "nodeInfo", "kernelVersion") ?? "<unknown>"),
            Wide("Container-Runtime", d => d.String("status", "nodeInfo", "containerRuntimeVersion") ?? "<unknown>"),
        ],
        [("", "Event")] = EventColumns("involvedObject", "message", "lastTimestamp", "count", "firstTimestamp"),
        [("events.k8s.io", "Event")] = EventColumns(
            "regarding",
            "note",
            "deprecatedLastTimestamp",
            "deprecatedCount",
            "deprecatedFirstTimestamp"
        ),
        [("", "PersistentVolumeClaim")] =
        [
            Name,
            Text("Status", (d, _) => d.String("status", "phase") ?? "Pending"),
            Text("Volume", (d, _) => d.String("spec", "volumeName") ?? ""),
            Text("Capacity", (d, _) => d.At("status", "capacity", "storage")?.ToString() ?? ""),
            Text("Access Modes", (d, _) => Join(d.Array("spec", "accessModes"), m => m?.ToString() ?? "", "")),
            Text("StorageClass", (d, _) => d.String("spec", "storageClassName") ?? ""),
            Age,
        ],
        [("apps", "Deployment")] =
        [
            Name,
            Text("Ready", (d, _) => $"{d.Integer("status", "readyReplicas") ?? 0}/{d.Integer("spec", "replicas") ?? 0}"),
            Number("Up-to-date", d => d.Integer("status", "updatedReplicas") ?? 0),
            Number("Available", d => d.Integer("status", "availableReplicas") ?? 0),
            Age,
            .. TemplateColumns(),
        ],
        [("apps", "ReplicaSet")] =
        [
            Name,
            Number("Desired", d => d.Integer("spec", "replicas") ?? 0),
            Number("Current", d => d.Integer("status", "replicas") ?? 0),
            Number("Ready", d => d.Integer("status", "readyReplicas") ?? 0),
            Age,
            .. TemplateColumns(),
        ],
        [("apps", "StatefulSet")] =
        [
            Name,
            Text("Ready", (d, _) => $"{d.Integer("status", "readyReplicas") ?? 0}/{d.Integer("spec", "replicas") ?? 0}"),
            Age,
        ],
        [("apps", "DaemonSet")] =
        [
            Name,
            Number("Desired", d => d.Integer("status", "desiredNumberScheduled") ?? 0),
            Number("Current", d => d.Integer("status", "currentNumberScheduled") ?? 0),
            Number("Ready", d => d.Integer("status", "numberReady") ?? 0),
            Number("Up-to-date", d => d.Integer("status", "updatedNumberScheduled") ?? 0),
            Number("Available", d => d.Integer("status", "numberAvailable") ?? 0),
            Age,
        ],
        [("batch", "Job")] =
        [
            Name,
            Text("Status", (d, _) => WorkloadCells.JobStatus(d)),
            Text("Completions", (d, _) => $"{d.Integer("status", "succeeded") ?? 0}/{d.Integer("spec", "completions") ?? 1}"),
            Text("Duration", WorkloadCells.JobDuration),
            Age,
        ],
        [("batch", "CronJob")] =
        [
            Name,
            Text("Schedule", (d, _) => d.String("spec", "schedule")),
            Text("Timezone", (d, _) => d.String("spec", "timeZone") ?? "<none>"),
            Text("Suspend", (d, _) => d.True("spec", "suspend") ? "True" : "False"),
            Number("Active", d => d.Array("status", "active")?.Count ?? 0),
            Text("Last Schedule", (d, now) => d.String("status", "lastScheduleTime") is { } last ? TableWriter.Age(last, now) : "<none>"),
            Age,
        ],
        [("autoscaling", "HorizontalPodAutoscaler")] =
        [
            Name,
            Text("Reference", (d, _) => $"{d.String("spec", "scaleTargetRef", "kind")}/{d.String("spec", "scaleTargetRef", "name")}"),
            Text("Targets", (d, _) => WorkloadCells.AutoscalerTargets(d)),
            Number("MinPods", d => d.Integer("spec", "minReplicas") ?? 1),
            Number("MaxPods", d => d.Integer("spec", "maxReplicas") ?? 0),
            Number("Replicas", d => d.Integer("status", "currentReplicas") ?? 0),
            Age,
        ],
        [("policy", "PodDisruptionBudget")] =
        [
            Name,
            Text("Min Available", (d, _) => d.At("spec", "minAvailable")?.ToString() ?? "N/A"),
            Text("Max Unavailable", (d, _) => d.At("spec", "maxUnavailable")?.ToString() ?? "N/A"),
            Number("Allowed Disruptions", d => d.Integer("status", "disruptionsAllowed") ?? 0),
            Age,
        ],
        [("networking.k8s.io", "Ingress")] =
        [
            Name,
            Text("Class", (d, _) => d.String("spec", "ingressClassName") ?? "<none>"),
            Text("Hosts", (d, _) => Join(d.Array("spec", "rules"), r => r.String("host") ?? "*", "*")),
            Text(
                "Address",
                (d, _) => Join(d.Array("status", "loadBalancer", "ingress"), i => i.String("ip") ?? i.String("hostname") ?? "", "")
            ),
            Text("Ports", (d, _) => d.Array("spec", "tls") is { Count: > 0 } ? "80, 443" : "80"),
            Age,
        ],
        [("networking.k8s.io", "NetworkPolicy")] =
        [
            Name,
            Text(
                "Pod-Selector",
                (d, _) => SubresourceHandler.LabelSelectorText(d.At("spec", "podSelector")) is { Length: > 0 } s ? s : "<none>"
            ),
            Age,
        ],
        [("coordination.k8s.io", "Lease")] = [Name, Text("Holder", (d, _) => d.String("spec", "holderIdentity") ?? ""), Age],
        [("rbac.authorization.k8s.io", "Role")] = [Name, Text("Created At", (d, _) => d.String("metadata", "creationTimestamp"))],
        [("rbac.authorization.k8s.io", "ClusterRole")] = [Name, Text("Created At", (d, _) => d.String("metadata", "creationTimestamp"))],
        [("rbac.authorization.k8s.io", "RoleBinding")] =
        [
            Name,
            Text("Role", (d, _) => $"{d.String("roleRef", "kind")}/{d.String("roleRef", "name")}"),
            Age,
        ],
        [("rbac.authorization.k8s.io", "ClusterRoleBinding")] =
        [
            Name,
            Text("Role", (d, _) => $"{d.String("roleRef", "kind")}/{d.String("roleRef", "name")}"),
            Age,
        ],
        [("admissionregistration.k8s.io", "MutatingWebhookConfiguration")] =
        [
            Name,
            Number("Webhooks", d => d.Array("webhooks")?.Count ?? 0),
            Age,
        ],
        [("admissionregistration.k8s.io", "ValidatingWebhookConfiguration")] =
        [
            Name,
            Number("Webhooks", d => d.Array("webhooks")?.Count ?? 0),
            Age,
        ],
        [("apiextensions.k8s.io", "CustomResourceDefinition")] =
        [
            Name,
            Text("Created At", (d, _) => d.String("metadata", "creationTimestamp")),
        ],
        [("storage.k8s.io", "StorageClass")] =
        [
            Name,
            Text("Provisioner", (d, _) => d.String("provisioner")),
            Text("ReclaimPolicy", (d, _) => d.String("reclaimPolicy")),
            Text("VolumeBindingMode", (d, _) => d.String("volumeBindingMode")),
            Text("AllowVolumeExpansion", (d, _) => d.True("allowVolumeExpansion") ? "true" : "false"),
            Age,
        ],
        [("scheduling.k8s.io", "PriorityClass")] =
        [
            Name,
            Number("Value", d => d.Integer("value") ?? 0),
            Text("Global-Default", (d, _) => d.True("globalDefault") ? "true" : "false"),
            Age,
        ],
        [("node.k8s.io", "RuntimeClass")] = [Name, Text("Handler", (d, _) => d.String("handler")), Age],
    };

    private static readonly List<TableColumn> Plain = [Name, Age];

    private static readonly List<TableColumn> PlainCustom =
    [
        Name,
        new(
            "Age",
            "date",
            0,
            "",
            "CreationTimestamp is a timestamp of the server time when this object was created.",
            (d, now) => TableWriter.Age(d.String("metadata", "creationTimestamp"), now)
        ),
    ];

    /// <summary>The columns of a kind; the default columns for a custom resource without additionalPrinterColumns.</summary>
    public static List<TableColumn> Of(ResourceInfo resource) =>
        resource.Custom is not null ? PlainCustom : ByKind.GetValueOrDefault((resource.Group, resource.Kind), Plain);

    /// <summary>Joins the texts of a list; <paramref name="none"/> for an empty one. More than three are abbreviated by a count.</summary>
    public static string Join(JsonArray? list, Func<JsonNode?, string> show, string none)
    {
        if (list is not { Count: > 0 })
            return none;
        const int most = 3;
        var text = string.Join(',', list.Take(most).Select(show));
        return list.Count > most ? $"{text} + {list.Count - most} more..." : text;
    }

    private static TableColumn Text(string name, Func<JsonObject, DateTimeOffset, string?> cell) =>
        new(name, "string", 0, "", name, (d, now) => cell(d, now));

    private static TableColumn Wide(string name, Func<JsonObject, string?> cell) => new(name, "string", 1, "", name, (d, _) => cell(d));

    private static TableColumn Number(string name, Func<JsonObject, long> cell) => new(name, "integer", 0, "", name, (d, _) => cell(d));

    private static List<TableColumn> TemplateColumns() =>
        [
            Wide(
                "Containers",
                d => string.Join(',', (d.Array("spec", "template", "spec", "containers") ?? []).Select(c => c.String("name")))
            ),
            Wide("Images", d => string.Join(',', (d.Array("spec", "template", "spec", "containers") ?? []).Select(c => c.String("image")))),
            Wide("Selector", d => SubresourceHandler.LabelSelectorText(d.At("spec", "selector"))),
        ];

    private static List<TableColumn> EventColumns(string about, string message, string last, string count, string first) =>
        [
            Text(
                "Last Seen",
                (d, now) =>
                    TableWriter.Age(
                        d.String("series", "lastObservedTime")
                            ?? d.String(last)
                            ?? d.String("eventTime")
                            ?? d.String("metadata", "creationTimestamp"),
                        now
                    )
            ),
            Text("Type", (d, _) => d.String("type")),
            Text("Reason", (d, _) => d.String("reason")),
            Text("Object", (d, _) => $"{d.String(about, "kind")?.ToLowerInvariant()}/{d.String(about, "name")}"),
            Wide("Subobject", d => d.String(about, "fieldPath") ?? ""),
            Wide("Source", d => d.String("source", "component") ?? d.String("reportingComponent") ?? d.String("reportingController") ?? ""),
            Text("Message", (d, _) => d.String(message)?.Trim()),
            Wide("First Seen", d => d.String(first) ?? d.String("eventTime") ?? ""),
            new("Count", "integer", 1, "", "Count", (d, _) => d.Integer("series", "count") ?? d.Integer(count) ?? 1),
            new("Name", "string", 1, "name", "Name", (d, _) => d.String("metadata", "name")),
        ];
}
