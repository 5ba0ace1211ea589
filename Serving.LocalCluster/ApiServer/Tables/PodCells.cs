using System.Globalization;
using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Tables;

/// <summary>The cells of a pod's columns.</summary>
internal static class PodCells
{
    public static string Ready(JsonObject pod)
    {
        var statuses = pod.Array("status", "containerStatuses") ?? [];
        return $"{statuses.Count(s => s.True("ready") && s.At("state", "running") is not null)}/{pod.Array("spec", "containers")?.Count ?? 0}";
    }

    /// <summary>The STATUS column: the reason why a pod is not running normally, or its phase.</summary>
    public static string Status(JsonObject pod)
    {
        var reason = pod.String("status", "reason") is { Length: > 0 } own ? own : pod.String("status", "phase") ?? "Unknown";
        var initializing = Initializing(pod);
        if (initializing is not null)
            reason = initializing;
        else
            reason = Running(pod, reason);

        if (pod.At("metadata", "deletionTimestamp") is null)
            return reason;
        if (pod.String("status", "reason") == "NodeLost")
            return "Unknown";
        return pod.String("status", "phase") is "Succeeded" or "Failed" ? reason : "Terminating";
    }

    public static string Restarts(JsonObject pod, DateTimeOffset now)
    {
        var statuses = pod.Array("status", "containerStatuses") ?? [];
        var restarts = statuses.Sum(s => s.Integer("restartCount") ?? 0);
        var last = statuses
            .Select(s => s.String("lastState", "terminated", "finishedAt"))
            .Where(t => t is not null)
            .Max(StringComparer.Ordinal);
        return restarts > 0 && last is not null
            ? $"{restarts} ({TableWriter.Age(last, now)} ago)"
            : restarts.ToString(CultureInfo.InvariantCulture);
    }

    private static string? Initializing(JsonObject pod)
    {
        var statuses = pod.Array("status", "initContainerStatuses") ?? [];
        var total = pod.Array("spec", "initContainers")?.Count ?? 0;
        for (var i = 0; i < statuses.Count; i++)
        {
            var status = statuses[i];
            if (status.Object("state", "terminated") is { } ended)
            {
                if (ended.Integer("exitCode") is 0 or null)
                    continue;
                return $"Init:{(ended.String("reason") is { Length: > 0 } why ? why : ended.Integer("signal") is > 0 and var signal ? $"Signal:{signal}" : $"ExitCode:{ended.Integer("exitCode")}")}";
            }

            if (status.String("state", "waiting", "reason") is { Length: > 0 } waiting and not "PodInitializing")
                return $"Init:{waiting}";
            if (!status.True("ready"))
                return $"Init:{i}/{total}";
        }

        return null;
    }

    private static string Running(JsonObject pod, string reason)
    {
        var hasRunning = false;
        foreach (var status in (pod.Array("status", "containerStatuses") ?? []).Reverse())
        {
            if (status.String("state", "waiting", "reason") is { Length: > 0 } waiting)
                reason = waiting;
            else if (status.Object("state", "terminated") is { } ended)
            {
                reason =
                    ended.String("reason") is { Length: > 0 } why ? why
                    : ended.Integer("signal") is > 0 and var signal ? $"Signal:{signal}"
                    : $"ExitCode:{ended.Integer("exitCode") ?? 0}";
            }
            else if (status.True("ready") && status.Object("state", "running") is not null)
                hasRunning = true;
        }

        if (reason != "Completed" || !hasRunning)
            return reason;
        var isReady = (pod.Array("status", "conditions") ?? []).Any(c => c.String("type") == "Ready" && c.String("status") == "True");
        return isReady ? "Running" : "NotReady";
    }
}
