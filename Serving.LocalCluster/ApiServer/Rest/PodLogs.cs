using System.Globalization;
using Serving.LocalCluster.ApiServer.Storage;
using Serving.LocalCluster.Node;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>
/// Serves the logs that the node writes: <c>pods/NAMESPACE_POD_UID/CONTAINER/RESTART.log</c> in the data directory, where each line starts
/// with its time.
/// </summary>
internal sealed class PodLogs(string dataDirectory, ObjectStore store)
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(200);

    /// <summary>The directory of a pod's files.</summary>
    public string DirectoryOf(StoredObject pod) => Path.Combine(dataDirectory, "pods", $"{pod.Namespace}_{pod.Name}_{pod.Uid}");

    public async Task WriteAsync(ResourceRequest request, StoredObject pod, CancellationToken stopping)
    {
        var document = pod.Document();
        var container = ContainerOf(request, document);
        var ownLog = HostLog(document);
        var directory = Path.Combine(DirectoryOf(pod), container);
        var path = ownLog ?? Newest(directory, request.Flag("previous"));
        if (path is null)
        {
            if (request.Flag("previous"))
                throw ApiException.BadRequest($"previous terminated container \"{container}\" in pod \"{pod.Name}\" not found");
            var waiting = (document.Array("status", "containerStatuses") ?? [])
                .FirstOrDefault(s => s.String("name") == container)
                .String("state", "waiting", "reason");
            throw ApiException.BadRequest(
                $"container \"{container}\" in pod \"{pod.Name}\" is waiting to start: {waiting ?? "ContainerCreating"}"
            );
        }

        using var log = new LogFile(path, request.Number("tailLines"));
        var response = request.Context.Response;
        response.ContentType = "text/plain";
        var writer = new LogLines(request, store.Time.GetUtcNow(), haveTimes: ownLog is null);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(request.Cancellation, stopping);
        await response.Body.FlushAsync(ending.Token);
        var follows = request.Flag("follow");
        while (true)
        {
            // Checked before the rest is read: lines written after the check are read in the next round.
            var isRotated = log.IsPutAside;
            var isOver = !follows || (!isRotated && IsOver(pod, container, path, directory, isHost: ownLog is not null));
            await writer.CopyAsync(log.Reader, response.Body, isOver, ending.Token);
            if (isOver || writer.IsFull)
                return;
            await response.Body.FlushAsync(ending.Token);
            if (!(isRotated && log.TryReopen()))
                await Task.Delay(Poll, store.Time, ending.Token);
        }
    }

    // The log is complete when the container has ended (also while it waits for a restart), was restarted, or was deleted with its pod.
    private bool IsOver(StoredObject pod, string container, string path, string directory, bool isHost)
    {
        if (store.Get("", "pods", pod.Namespace, pod.Name) is not { } now || now.Uid != pod.Uid)
            return true;
        if (isHost)
            return false;
        if (Newest(directory, previous: false) != path)
            return true;
        var document = now.Document();
        return (document.Array("status", "containerStatuses") ?? [])
            .Concat(document.Array("status", "initContainerStatuses") ?? [])
            .Any(s =>
                s.String("name") == container
                && s.Object("state", "running") is null
                && (s.Object("state", "terminated") is not null || s.Object("lastState", "terminated") is not null)
            );
    }

    // A pod that represents a process of the cluster has an annotation with the process's log in the data directory.
    private string? HostLog(System.Text.Json.Nodes.JsonObject pod)
    {
        if (
            pod.String("spec", "nodeName") != StandInProbes.NodeName
            || pod.String("metadata", "annotations", StandInProbes.LogAnnotation) is not { } name
        )
            return null;
        var isOurs =
            name == Path.GetFileName(name)
            && name.StartsWith("serving", StringComparison.Ordinal)
            && name.EndsWith(".log", StringComparison.Ordinal);
        var path = Path.Combine(dataDirectory, name);
        return isOurs && File.Exists(path) ? path : null;
    }

    private static string ContainerOf(ResourceRequest request, System.Text.Json.Nodes.JsonObject document)
    {
        var names = (document.Array("spec", "containers") ?? [])
            .Concat(document.Array("spec", "initContainers") ?? [])
            .Select(c => c.String("name") ?? "")
            .ToList();
        var asked = request.Query("container");
        if (string.IsNullOrEmpty(asked))
        {
            if (document.Array("spec", "containers") is { Count: > 1 })
                throw ApiException.BadRequest(
                    $"a container name must be specified for pod {request.Name}, choose one of: [{string.Join(' ', names)}]"
                );
            return names[0];
        }

        return names.Contains(asked) ? asked : throw ApiException.BadRequest($"container {asked} is not valid for pod {request.Name}");
    }

    private static string? Newest(string directory, bool previous)
    {
        if (!Directory.Exists(directory))
            return null;
        var logs = Directory
            .EnumerateFiles(directory, "*.log")
            .Select(f =>
                (
                    Path: f,
                    Number: int.TryParse(Path.GetFileNameWithoutExtension(f), CultureInfo.InvariantCulture, out var number) ? number : -1
                )
            )
            .Where(f => f.Number >= 0)
            .OrderByDescending(f => f.Number)
            .ToList();
        var index = previous ? 1 : 0;
        return logs.Count > index ? logs[index].Path : null;
    }
}
