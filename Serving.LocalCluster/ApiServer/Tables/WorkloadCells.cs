using System.Globalization;
using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Tables;

/// <summary>The cells of other kinds' columns.</summary>
internal static class WorkloadCells
{
    public static string ExternalIP(JsonObject service)
    {
        var addresses = (service.Array("spec", "externalIPs") ?? []).Select(a => a?.ToString() ?? "").ToList();
        switch (service.String("spec", "type"))
        {
            case "ExternalName":
                return service.String("spec", "externalName") ?? "<none>";
            case "LoadBalancer":
                addresses.InsertRange(
                    0,
                    (service.Array("status", "loadBalancer", "ingress") ?? []).Select(i => i.String("ip") ?? i.String("hostname") ?? "")
                );
                return addresses.Count > 0 ? string.Join(',', addresses) : "<pending>";
            default:
                return addresses.Count > 0 ? string.Join(',', addresses) : "<none>";
        }
    }

    public static string ServicePorts(JsonObject service)
    {
        var ports = service.Array("spec", "ports") ?? [];
        if (ports.Count == 0)
            return "<none>";
        return string.Join(
            ',',
            ports.Select(p =>
                p.Integer("nodePort") is > 0 and var node
                    ? $"{p.Integer("port")}:{node}/{p.String("protocol")}"
                    : $"{p.Integer("port")}/{p.String("protocol")}"
            )
        );
    }

    public static string Labels(JsonObject? labels) =>
        labels is not { Count: > 0 }
            ? "<none>"
            : string.Join(',', labels.OrderBy(l => l.Key, StringComparer.Ordinal).Select(l => $"{l.Key}={l.Value}"));

    public static string Endpoints(JsonObject endpoints)
    {
        var list = new JsonArray();
        foreach (var subset in endpoints.Array("subsets") ?? [])
        {
            foreach (var address in subset.Array("addresses") ?? [])
            {
                foreach (var port in subset.Array("ports") ?? [new JsonObject()])
                    list.Add($"{address.String("ip")}{(port.Integer("port") is { } number ? $":{number}" : "")}");
            }
        }

        return BuiltInColumns.Join(list, e => e?.GetValue<string>() ?? "", "<none>");
    }

    public static string NodeStatus(JsonObject node)
    {
        var ready = (node.Array("status", "conditions") ?? []).FirstOrDefault(c => c.String("type") == "Ready").String("status");
        var text = ready switch
        {
            "True" => "Ready",
            null => "Unknown",
            _ => "NotReady",
        };
        return node.True("spec", "unschedulable") ? text + ",SchedulingDisabled" : text;
    }

    public static string NodeRoles(JsonObject node)
    {
        const string prefix = "node-role.kubernetes.io/";
        var roles = (node.Object("metadata", "labels") ?? [])
            .Where(l => l.Key.StartsWith(prefix, StringComparison.Ordinal))
            .Select(l => l.Key[prefix.Length..])
            .Where(r => r.Length > 0)
            .Order(StringComparer.Ordinal)
            .ToList();
        return roles.Count > 0 ? string.Join(',', roles) : "<none>";
    }

    public static string JobStatus(JsonObject job)
    {
        foreach (var condition in job.Array("status", "conditions") ?? [])
        {
            if (condition.String("status") == "True" && condition.String("type") is "Complete" or "Failed" or "Suspended")
                return condition.String("type")!;
        }

        return job.At("metadata", "deletionTimestamp") is null ? "Running" : "Terminating";
    }

    public static string JobDuration(JsonObject job, DateTimeOffset now)
    {
        if (
            !DateTimeOffset.TryParse(
                job.String("status", "startTime"),
                CultureInfo.InvariantCulture,
                DateTimeStyles.RoundtripKind,
                out var start
            )
        )
            return "";
        var end = DateTimeOffset.TryParse(
            job.String("status", "completionTime"),
            CultureInfo.InvariantCulture,
            DateTimeStyles.RoundtripKind,
            out var done
        )
            ? done
            : now;
        return TableWriter.Duration(end - start);
    }

    public static string AutoscalerTargets(JsonObject autoscaler)
    {
        var current = autoscaler.Array("status", "currentMetrics") ?? [];
        return BuiltInColumns.Join(
            autoscaler.Array("spec", "metrics"),
            metric =>
            {
                var name = metric.String("resource", "name");
                var target = metric.Object("resource", "target") ?? metric.Object("pods", "target");
                var now = current.FirstOrDefault(c => c.String("resource", "name") == name).Object("resource", "current");
                return target?["averageUtilization"] is { } percent
                    ? $"{name}: {now?["averageUtilization"]?.ToString() ?? "<unknown>"}{(now is null ? "" : "%")}/{percent}%"
                    : $"{name}: {now?["averageValue"]?.ToString() ?? "<unknown>"}/{target?["averageValue"]}";
            },
            "<none>"
        );
    }
}
