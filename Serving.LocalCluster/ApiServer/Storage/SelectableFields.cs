using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Storage;

/// <summary>The selectable fields by kind, in addition to metadata.name and metadata.namespace.</summary>
internal static class SelectableFields
{
    private static readonly Dictionary<string, string[]> ByKind = new(StringComparer.Ordinal)
    {
        ["v1/Pod"] =
        [
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        ["v1/Event"] =
        [
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        ["events.k8s.io/v1/Event"] =
        [
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "regarding.apiVersion",
            "reason",
            "reportingController",
            "type",
        ],
        ["v1/Secret"] = ["type"],
        ["v1/Namespace"] = ["status.phase"],
        ["v1/Node"] = ["spec.unschedulable"],
        ["v1/Service"] = ["spec.clusterIP", "spec.type"],
        ["v1/ReplicationController"] = ["status.replicas"],
        ["apps/v1/ReplicaSet"] = ["status.replicas"],
        ["batch/v1/Job"] = ["status.successful"],
    };

    /// <summary>The values of an object's selectable fields.</summary>
    public static Dictionary<string, string> Of(JsonObject document)
    {
        var fields = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["metadata.name"] = document.String("metadata", "name") ?? "",
            ["metadata.namespace"] = document.String("metadata", "namespace") ?? "",
        };
        if (!ByKind.TryGetValue($"{document.String("apiVersion")}/{document.String("kind")}", out var paths))
            return fields;
        foreach (var path in paths)
        {
            var value = document.At(path == "source" ? ["source", "component"] : path.Split('.'));
            fields[path] = Text(value);
        }

        return fields;
    }

    /// <summary>The selector form of a value; empty for null.</summary>
    public static string Text(JsonNode? value) =>
        value is null ? ""
        : value.GetValueKind() == System.Text.Json.JsonValueKind.String ? value.GetValue<string>()
        : value.ToJsonString();

    /// <summary>Whether the field is selectable on this kind.</summary>
    public static bool Knows(string apiVersion, string kind, string field) =>
        field is "metadata.name" or "metadata.namespace"
        || (ByKind.TryGetValue($"{apiVersion}/{kind}", out var paths) && paths.Contains(field));
}
