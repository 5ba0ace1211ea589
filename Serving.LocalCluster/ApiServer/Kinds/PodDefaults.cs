using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Kinds;

/// <summary>The defaults of a pod's specification.</summary>
internal static class PodDefaults
{
    /// <summary>Sets the defaults of a Pod object.</summary>
    public static void Apply(JsonObject spec)
    {
        ApplySpec(spec);
        spec.Default("enableServiceLinks", true);
        if (string.IsNullOrEmpty(spec.String("serviceAccountName")))
            spec["serviceAccountName"] = spec.String("serviceAccount") is { Length: > 0 } old ? old : "default";
        spec.Default("serviceAccount", spec.String("serviceAccountName")!);
        spec.Default("preemptionPolicy", "PreemptLowerPriority");
        spec.Default("priority", 0);
        // Requests default to the limits; every pod gets the standard tolerations.
        foreach (var container in Containers(spec))
        {
            if (container.Object("resources", "limits") is not { } limits)
                continue;
            var requests = container.Child("resources").Child("requests");
            foreach (var (name, limit) in limits)
            {
                if (limit is not null)
                    requests.Default(name, limit.DeepClone());
            }
        }

        if (spec["tolerations"] is null)
            spec["tolerations"] = new JsonArray(Toleration("node.kubernetes.io/not-ready"), Toleration("node.kubernetes.io/unreachable"));
    }

    /// <summary>Sets the defaults of a pod template in a workload.</summary>
    public static void ApplyTemplate(JsonNode? template)
    {
        if (template?["spec"] is JsonObject spec)
            ApplySpec(spec);
    }

    private static void ApplySpec(JsonObject spec)
    {
        spec.Default("restartPolicy", "Always");
        spec.Default("terminationGracePeriodSeconds", 30);
        spec.Default("dnsPolicy", "ClusterFirst");
        spec.Default("securityContext", new JsonObject());
        spec.Default("schedulerName", "default-scheduler");
        if (spec.String("serviceAccountName") is { Length: > 0 } account)
            spec.Default("serviceAccount", account);
        foreach (var container in Containers(spec))
            Container(container);
        foreach (var volume in (spec.Array("volumes") ?? []).OfType<JsonObject>())
            Volume(volume);
    }

    private static IEnumerable<JsonObject> Containers(JsonObject spec) =>
        (spec.Array("initContainers") ?? []).Concat(spec.Array("containers") ?? []).OfType<JsonObject>();

    private static void Container(JsonObject container)
    {
        container.Default("terminationMessagePath", "/dev/termination-log");
        container.Default("terminationMessagePolicy", "File");
        container.Default("resources", new JsonObject());
        container.Default("imagePullPolicy", PullsAlways(container.String("image") ?? "") ? "Always" : "IfNotPresent");
        foreach (var port in (container.Array("ports") ?? []).OfType<JsonObject>())
            port.Default("protocol", "TCP");
        foreach (var name in (string[])["livenessProbe", "readinessProbe", "startupProbe"])
        {
            if (container[name] is JsonObject probe)
                Probe(probe);
        }

        foreach (var handler in (string[])["postStart", "preStop"])
        {
            if (container.Object("lifecycle", handler, "httpGet") is { } get)
                HttpGet(get);
        }

        foreach (var variable in (container.Array("env") ?? []).OfType<JsonObject>())
            variable.Object("valueFrom", "fieldRef")?.Default("apiVersion", "v1");
    }

    private static void Probe(JsonObject probe)
    {
        probe.Default("timeoutSeconds", 1);
        probe.Default("periodSeconds", 10);
        probe.Default("successThreshold", 1);
        probe.Default("failureThreshold", 3);
        // Zero means unset for these fields, also on the wire.
        foreach (
            var (name, value) in ((string, int)[])
                [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
        )
        {
            if (probe.Integer(name) == 0)
                probe[name] = value;
        }

        if (probe.Object("httpGet") is { } get)
            HttpGet(get);
        probe.Object("grpc")?.Default("service", "");
    }

    private static void HttpGet(JsonObject get)
    {
        get.Default("path", "/");
        get.Default("scheme", "HTTP");
    }

    private static void Volume(JsonObject volume)
    {
        if (volume.Count == 1)
            volume["emptyDir"] = new JsonObject();
        foreach (var source in (string[])["secret", "configMap", "downwardAPI", "projected"])
            volume.Object(source)?.Default("defaultMode", 420);
        foreach (var item in (volume.Array("downwardAPI", "items") ?? []).OfType<JsonObject>())
            item.Object("fieldRef")?.Default("apiVersion", "v1");
        foreach (var source in (volume.Array("projected", "sources") ?? []).OfType<JsonObject>())
        {
            source.Object("serviceAccountToken")?.Default("expirationSeconds", 3600);
            foreach (var item in (source.Array("downwardAPI", "items") ?? []).OfType<JsonObject>())
                item.Object("fieldRef")?.Default("apiVersion", "v1");
        }

        volume.Object("hostPath")?.Default("type", "");
    }

    private static bool PullsAlways(string image)
    {
        if (image.Contains('@', StringComparison.Ordinal))
            return false;
        var name = image[(image.LastIndexOf('/') + 1)..];
        var colon = name.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 || name[(colon + 1)..] == "latest";
    }

    private static JsonObject Toleration(string key) =>
        new()
        {
            ["key"] = key,
            ["operator"] = "Exists",
            ["effect"] = "NoExecute",
            ["tolerationSeconds"] = 300,
        };
}
