using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Core;
using Serving.Concurrency;
using Serving.Kubernetes;
using Serving.LocalCluster.Controllers;
using Serving.LocalCluster.Node.Probes;

namespace Serving.LocalCluster.Node;

/// <summary>
/// Probes the pods that stand for processes which no node runs, as their kubelet would. Such a process says itself when it is first
/// ready; when it is killed, stopped or stuck only others can tell, and its pod must leave the Services. Invariant: what is
/// called not ready here is called ready here again, and nothing else is.
/// </summary>
public sealed class StandInProbes
{
    /// <summary>The node name of pods that stand for processes.</summary>
    public const string NodeName = "host";

    /// <summary>The annotation by which such a pod names the log of its process: a file in the cluster's data directory.</summary>
    public const string LogAnnotation = "serving.local/log";

    private const string Reason = "ReadinessProbeFailed";

    private readonly IInformer<Pod> pods;
    private readonly ILogger logger;
    private readonly TimeProvider time;

    /// <param name="informers">To know the pods by.</param>
    /// <param name="logger">Where changes of readiness are said.</param>
    /// <param name="time">The clock of periods.</param>
    public StandInProbes(IInformers informers, ILogger<StandInProbes> logger, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(informers);
        pods = informers.For(Resources.Pods);
        this.logger = logger;
        this.time = time;
    }

    /// <summary>Probes until cancelled.</summary>
    public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(client);
        var running = new ConcurrentDictionary<string, (CancellationTokenSource Stop, Task Task)>(StringComparer.Ordinal);
        using var prober = new Prober();
        using (pods.AddHandler(OnPod))
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await Task.WhenAll(running.Values.Select(entry => entry.Task)).ConfigureAwait(false);

        void OnPod(Change<Pod> change)
        {
            var uid = change.Object.Metadata.Uid;
            if (change.New is null)
            {
                // Not on this thread, which is an informer's.
                if (running.TryRemove(uid, out var gone)) BackgroundFailure.Watch($"The end of probing pod {change.Key}", EndAsync(gone.Stop, gone.Task));
            }
            else if (change.New.Spec is { NodeName: NodeName } spec && spec.Containers is [{ ReadinessProbe: { HttpGet: not null } probe }, ..] && !running.ContainsKey(uid))
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
        await stop.CancelSafelyAsync().ConfigureAwait(false);
        await probing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stop.Dispose();
    }

    private async Task ProbeAsync(IKubernetesClient client, Prober prober, ObjectKey key, string uid, Probe probe, CancellationToken cancellation)
    {
        var failures = 0;
        try
        {
            using var timer = new PeriodicTimer(TimeSpan.FromSeconds(probe.PeriodSeconds ?? 10), time);
            while (await timer.WaitForNextTickAsync(cancellation).ConfigureAwait(false))
            {
                if (pods.Lister.Get(key.Namespace, key.Name) is not { Status.PodIP: { Length: > 0 } ip } pod || pod.Metadata.Uid != uid || probe.HttpGet!.Port is not { Int: > 0 and var port })
                {
                    continue;
                }

                var result = await prober.HttpAsync(
                    probe.HttpGet, new IPEndPoint(IPAddress.Parse(ip), port), TimeSpan.FromSeconds(probe.TimeoutSeconds ?? 1), cancellation).ConfigureAwait(false);
                failures = result.Success ? 0 : failures + 1;
                if (pod.Metadata.DeletionTimestamp is not null)
                {
                    // A process that lives replaces its pod; nobody else lets go of one whose process is dead, and its namespace would never go.
                    if (failures >= (probe.FailureThreshold ?? 3))
                    {
                        await RemoveAsync(client, pod, cancellation).ConfigureAwait(false);
                    }

                    continue;
                }

                var isOurs = PodState.ReadyCondition(pod)?.Reason == Reason;
                if (result.Success ? isOurs : failures >= (probe.FailureThreshold ?? 3) && PodState.IsReady(pod))
                {
                    await WriteAsync(client, pod, result, cancellation).ConfigureAwait(false);
                }
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The pod is gone, or the node stops.
        }
    }

    private async Task RemoveAsync(IKubernetesClient client, Pod pod, CancellationToken cancellation)
    {
        try
        {
            await client.DeleteAsync(
                Resources.Pods, pod.Metadata.Namespace, pod.Metadata.Name, cancellation, new DeleteOptions(GracePeriodSeconds: 0, Uid: pod.Metadata.Uid)).ConfigureAwait(false);
        }
        catch (KubernetesException refused)
        {
            logger.LogDebug("Pod {Pod} could not be removed: {Message}", ObjectKey.Of(pod), refused.Message);
        }
    }

    private async Task WriteAsync(IKubernetesClient client, Pod pod, ProbeResult result, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        Condition Of(Condition before) => before.Type is not ("Ready" or "ContainersReady") ? before : before with
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
            await client.UpdateStatusAsync(Resources.Pods, pod with { Status = status }, cancellation).ConfigureAwait(false);
            logger.LogInformation("Pod {Pod} is {Readiness}: {Message}", ObjectKey.Of(pod), result.Success ? "ready again" : "not ready", result.Message);
        }
        catch (KubernetesException refused)
        {
            // Among others: the process has written its pod meanwhile. The next period looks again.
            logger.LogDebug("The readiness of pod {Pod} could not be written: {Message}", ObjectKey.Of(pod), refused.Message);
        }
    }
}
