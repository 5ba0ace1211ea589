using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Core;
using Serving.Concurrency;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Informers;
using Serving.LocalCluster.Node.Probes;

namespace Serving.LocalCluster.Node;

/// <summary>
/// Probes the pods that represent processes outside of any node, as their kubelet would. Such a process reports itself when it first
/// becomes ready; when it is killed, stopped or stuck, only a probe detects it, and its pod must be removed from the Services. Invariant:
/// it sets pods ready only if it set them not ready before.
/// </summary>
public sealed class StandInProbes
{
    /// <summary>The node name of pods that represent processes.</summary>
    public const string NodeName = "host";

    /// <summary>The annotation of such a pod with the log of its process: a file in the cluster's data directory.</summary>
    public const string LogAnnotation = "serving.local/log";

    private const string Reason = "ReadinessProbeFailed";

    private readonly IInformer<Pod> _pods;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;

    /// <param name="informers">The informers of the process.</param>
    /// <param name="logger">Logs changes of readiness.</param>
    /// <param name="time">The clock for probe periods.</param>
    public StandInProbes(IInformers informers, ILogger<StandInProbes> logger, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(informers);
        _pods = informers.For(Resources.Pods);
        _logger = logger;
        _time = time;
    }

    /// <summary>Probes until cancelled.</summary>
    public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(client);
        var running = new ConcurrentDictionary<string, (CancellationTokenSource Stop, Task Task)>(StringComparer.Ordinal);
        using var prober = new Prober();
        using (_pods.AddHandler(OnPod))
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, _time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await Task.WhenAll(running.Values.Select(entry => entry.Task));

        void OnPod(Change<Pod> change)
        {
            var uid = change.Object.Metadata.Uid;
            if (change.New is null)
            {
                // Not on this thread, which belongs to an informer.
                if (running.TryRemove(uid, out var gone))
                    BackgroundFailure.Watch($"Stopping the probes of pod {change.Key}", EndAsync(gone.Stop, gone.Task));
            }
            else if (
                change.New.Spec is { NodeName: NodeName } spec
                && spec.Containers is [{ ReadinessProbe: { HttpGet: not null } probe }, ..]
                && !running.ContainsKey(uid)
            )
            {
                var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
                var key = change.Key;
                var probing = Task.Run(() => ProbeAsync(client, prober, key, uid, probe, stop.Token), CancellationToken.None);
                BackgroundFailure.Watch($"Probing pod {key}", probing);
                running[uid] = (stop, probing);
            }
        }
    }

    private static async Task EndAsync(CancellationTokenSource stop, Task probing)
    {
        await stop.CancelSafelyAsync();
        await probing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stop.Dispose();
    }

    private async Task ProbeAsync(
        IKubernetesClient client,
        Prober prober,
        ObjectKey key,
        string uid,
        Probe probe,
        CancellationToken cancellation
    )
    {
        var failures = 0;
        try
        {
            using var timer = new PeriodicTimer(TimeSpan.FromSeconds(probe.PeriodSeconds ?? 10), _time);
            while (await timer.WaitForNextTickAsync(cancellation))
            {
                if (
                    _pods.Lister.Get(key.Namespace, key.Name) is not { Status.PodIP: { Length: > 0 } ip } pod
                    || pod.Metadata.Uid != uid
                    || probe.HttpGet!.Port is not { Int: > 0 and var port }
                )
                {
                    continue;
                }

                var result = await prober.HttpAsync(
                    probe.HttpGet,
                    new IPEndPoint(IPAddress.Parse(ip), port),
                    TimeSpan.FromSeconds(probe.TimeoutSeconds ?? 1),
                    cancellation
                );
                failures = result.Success ? 0 : failures + 1;
                if (pod.Metadata.DeletionTimestamp is not null)
                {
                    // A live process recreates its pod. For a dead process, only this deletes the pod; otherwise its namespace would never
                    // terminate.
                    if (failures >= (probe.FailureThreshold ?? 3))
                    {
                        await RemoveAsync(client, pod, cancellation);
                    }

                    continue;
                }

                var isOurs = PodState.ReadyCondition(pod)?.Reason == Reason;
                if (result.Success ? isOurs : failures >= (probe.FailureThreshold ?? 3) && PodState.IsReady(pod))
                {
                    await WriteAsync(client, pod, result, cancellation);
                }
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The pod was deleted, or the node stops.
        }
    }

    private async Task RemoveAsync(IKubernetesClient client, Pod pod, CancellationToken cancellation)
    {
        try
        {
            await client.DeleteAsync(
                Resources.Pods,
                pod.Metadata.Namespace,
                pod.Metadata.Name,
                cancellation,
                new DeleteOptions(GracePeriodSeconds: 0, Uid: pod.Metadata.Uid)
            );
        }
        catch (KubernetesException refused)
        {
            _logger.LogDebug("Pod {Pod} could not be removed: {Message}", ObjectKey.Of(pod), refused.Message);
        }
    }

    private async Task WriteAsync(IKubernetesClient client, Pod pod, ProbeResult result, CancellationToken cancellation)
    {
        var now = _time.GetUtcNow();
        Condition Of(Condition before) =>
            before.Type is not ("Ready" or "ContainersReady")
                ? before
                : before with
                {
                    Status = result.Success ? "True" : "False",
                    Reason = result.Success ? "" : Reason,
                    Message = result.Success ? "" : result.Message,
                    LastTransitionTime = now,
                };
        try
        {
            var status = pod.Status! with
            {
                Conditions = [.. pod.Status.Conditions.Select(Of)],
                ContainerStatuses = [.. pod.Status.ContainerStatuses.Select(container => container with { Ready = result.Success })],
            };
            await client.UpdateStatusAsync(Resources.Pods, pod with { Status = status }, cancellation);
            _logger.LogInformation(
                "Pod {Pod} is {Readiness}: {Message}",
                ObjectKey.Of(pod),
                result.Success ? "ready again" : "not ready",
                result.Message
            );
        }
        catch (KubernetesException refused)
        {
            // For example a conflict because the process has written its pod meanwhile. Retried in the next period.
            _logger.LogDebug("The readiness of pod {Pod} could not be written: {Message}", ObjectKey.Of(pod), refused.Message);
        }
    }
}
