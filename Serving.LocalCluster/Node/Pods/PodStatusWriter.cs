using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Core;
using Serving.Concurrency;
using Serving.Kubernetes.Client;
using Serving.LocalCluster.Node.Resizing;

namespace Serving.LocalCluster.Node.Pods;

/// <summary>
/// Writes the status of one pod whenever it differs from the last written one. There is one write at a time;
/// changes during it, and non-urgent changes shortly after it, are batched into the next. A merge patch of only the status
/// does not conflict with other writes to the object.
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "Its semaphores are only awaited asynchronously, so they own no system handles.")]
internal sealed class PodStatusWriter(NodeContext node, PodRun pod, Func<PodObservation> observe)
{
    private static readonly TimeSpan Gather = TimeSpan.FromMilliseconds(15);
    private static readonly Backoff Delays = new(TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(5));
    private readonly SemaphoreSlim _wake = new(0);
    private readonly SemaphoreSlim _urgent = new(0);
    private IReadOnlyList<Condition> _conditions = pod.Pod.Status?.Conditions ?? [];
    private JsonNode? _written;

    /// <summary>Signals that the status may have changed.</summary>
    public void Changed(bool urgent)
    {
        if (urgent)
        {
            _urgent.Release();
        }

        _wake.Release();
    }

    /// <summary>Writes until cancelled, or until the pod is deleted.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            while (true)
            {
                await _wake.WaitAsync(cancellation);
                await _urgent.WaitAsync(Gather, cancellation);
                Drain(_wake);
                Drain(_urgent);
                if (!await WriteAsync(cancellation))
                {
                    return;
                }
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The pod has ended; the caller writes its last status.
            return;
        }
    }

    /// <summary>Writes the status if it differs, retrying while the server is unreachable. Returns false when the pod is deleted.</summary>
    public async Task<bool> WriteAsync(CancellationToken cancellation)
    {
        for (var failures = 1; ; failures++)
        {
            var current = pod.Pod;
            var seen = observe();
            var status = PodStatusMaker.Make(current, seen, _conditions, node.Time.GetUtcNow());
            _conditions = status.Conditions;
            var document = Document(current, status, seen.Resize);
            if (_written is not null && JsonNode.DeepEquals(document, _written))
            {
                return true;
            }

            try
            {
                var patch = new JsonObject
                {
                    ["metadata"] = new JsonObject { ["uid"] = current.Metadata.Uid },
                    ["status"] = document.DeepClone(),
                };
                await node.Client.PatchAsync(
                    Resources.Pods,
                    current.Metadata.Namespace,
                    current.Metadata.Name,
                    new Patch(PatchType.Merge, patch.ToJsonString()),
                    cancellation,
                    subresource: "status"
                );
                _written = document;
                return true;
            }
            catch (KubernetesException e)
                when (e.IsNotFound || (e.IsConflict && e.Message.Contains("uid", StringComparison.OrdinalIgnoreCase)))
            {
                return false;
            }
            catch (Exception e) when (e is KubernetesException or HttpRequestException or IOException)
            {
                node.Logger.LogDebug(e, "Cannot write the status of pod {Pod} yet", pod.Name);
                await Task.Delay(Delays.After(failures), node.Time, cancellation);
            }
        }
    }

    private static JsonObject Document(Pod pod, PodStatus status, ResizeObservation resize)
    {
        var document = JsonSerializer.SerializeToNode(status, ApiJson.Default.Of<PodStatus>())!.AsObject();

        // A merge patch keeps members that it does not contain: remove earlier ones explicitly.
        document["reason"] ??= null;
        document["message"] ??= null;
        document["qosClass"] = PodStatusMaker.QosClass(pod.Spec!);
        document["hostIPs"] = new JsonArray(new JsonObject { ["ip"] = status.HostIP });
        document["podIPs"] = status.PodIP.Length == 0 ? null : new JsonArray(new JsonObject { ["ip"] = status.PodIP });
        document["observedGeneration"] = resize.Generation;
        foreach (var condition in document["conditions"]?.AsArray().OfType<JsonObject>() ?? [])
        {
            if (PodStatusMaker.GenerationOf(condition["type"]!.GetValue<string>(), resize) is { } generation)
            {
                condition["observedGeneration"] = generation;
            }
        }

        foreach (var list in (string[])["containerStatuses", "initContainerStatuses"])
        {
            foreach (var container in document[list]?.AsArray().OfType<JsonObject>() ?? [])
            {
                AddResources(container, resize);
            }
        }

        return document;
    }

    private static void AddResources(JsonObject container, ResizeObservation resize)
    {
        if (!resize.Containers.TryGetValue(container["name"]!.GetValue<string>(), out var resources))
        {
            return;
        }

        if (ResourceDocument.List(resources.Allocated?.Requests) is { } allocated)
        {
            container["allocatedResources"] = allocated;
        }

        container["resources"] = ResourceDocument.Of(resources.Applied);
    }

    private static void Drain(SemaphoreSlim semaphore)
    {
        while (semaphore.Wait(0)) { }
    }
}
