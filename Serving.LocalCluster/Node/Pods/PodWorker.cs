using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;
using Serving.Api.Core;
using Serving.Concurrency;
using Serving.Kubernetes.Client;
using Serving.LocalCluster.Node.Resizing;
using Serving.LocalCluster.Node.Variables;
using Serving.LocalCluster.Node.Volumes;

namespace Serving.LocalCluster.Node.Pods;

/// <summary>
/// Starts one pod, maintains its status, and stops it when it is deleted, exceeds its deadline, or the node stops.
/// Invariant: when <see cref="Completion"/> completes, no process of the pod is left and its address and port are free.
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "Its token sources may be used as long as the pod is referenced.")]
internal sealed class PodWorker
{
    private static readonly Backoff Delays = new(TimeSpan.FromMilliseconds(250), TimeSpan.FromSeconds(30));
    private readonly NodeContext _node;
    private readonly PodRun _run;
    private readonly PodStatusWriter _status;
    private readonly List<ContainerRunner> _init;
    private readonly List<ContainerRunner> _main;
    private readonly List<(ContainerRunner Runner, Task Life)> _sidecars = [];
    private readonly PodResizer _resizer;
    private readonly DateTimeOffset _startTime;
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _kill = new();
    private readonly Lock _lock = new();
    private volatile string _address = "";
    private volatile PodFailure? _failure;
    private volatile bool _terminating;
    private volatile bool _gone;
    private volatile bool _shutdown;
    private DateTimeOffset _killAt = DateTimeOffset.MaxValue;
    private int _deleting;

    /// <param name="node">The node.</param>
    /// <param name="pod">The pod, bound to this node.</param>
    /// <param name="bound">Completes with true when the binding is stored, with false when the pod was deleted or is bound to another
    /// node.</param>
    public PodWorker(NodeContext node, Pod pod, Task<bool> bound)
    {
        _node = node;
        var directory = node.DirectoryOf(pod.Metadata.Namespace, pod.Metadata.Name, pod.Metadata.Uid);
        var volumes = new PodVolumes(
            directory,
            new VolumeContent(node.Objects, node.Options.Tokens),
            Path.Combine(node.Options.DataDirectory, "claims"),
            node.Time
        );
        _run = new PodRun(pod, directory, volumes, urgent => _status?.Changed(urgent));
        _startTime = pod.Status?.StartTime ?? node.Time.GetUtcNow();
        var policy = pod.Spec!.RestartPolicy is { Length: > 0 } given ? given : "Always";
        _init =
        [
            .. pod.Spec.InitContainers.Select(c => new ContainerRunner(
                node,
                _run,
                c,
                PodStatusMaker.IsSidecar(c) ? "Always"
                    : policy == "Never" ? "Never"
                    : "OnFailure",
                Previous(pod.Status?.InitContainerStatuses, c)
            )),
        ];
        _main =
        [
            .. pod.Spec.Containers.Select(c => new ContainerRunner(node, _run, c, policy, Previous(pod.Status?.ContainerStatuses, c))),
        ];
        _resizer = new PodResizer(node, _run, [.. _main, .. _init.Where(r => PodStatusMaker.IsSidecar(r.Container))], _stop.Token);
        _status = new PodStatusWriter(node, _run, Observe);
        _resizer.Update(pod);
        Completion = Task.Run(() => RunAsync(bound));
    }

    /// <summary>Completes, without an exception, when the pod has ended here.</summary>
    public Task Completion { get; }

    /// <summary>The namespace of the pod.</summary>
    public string Namespace => _run.Pod.Metadata.Namespace;

    /// <summary>Whether the content of a volume of the pod comes from a ConfigMap or Secret.</summary>
    public bool HasVolumesFromApi =>
        _run.Pod.Spec!.Volumes.Any(v => v is { ConfigMap: not null } or { Secret: not null } or { Projected: not null });

    /// <summary>The pod, with the specification of its start.</summary>
    public Pod Pod => _run.Pod;

    /// <summary>Whether a resize of the pod waits for room on the node.</summary>
    public bool HasDeferredResize => _resizer.IsDeferred;

    /// <summary>When the deferred resize was first tried.</summary>
    public DateTimeOffset DeferredSince => _resizer.DeferredSince;

    /// <summary>Retries a deferred resize.</summary>
    public void RetryResize() => _resizer.Retry();

    /// <summary>Updates the object to a newer version.</summary>
    public void Update(Pod pod)
    {
        _run.Pod = pod with { Spec = _run.Pod.Spec };
        _resizer.Update(pod);
        if (pod.Metadata.DeletionTimestamp is null)
        {
            return;
        }

        Stop(TimeSpan.FromSeconds(pod.Metadata.DeletionGracePeriodSeconds ?? pod.Spec?.TerminationGracePeriodSeconds ?? 30));
        if (Completion.IsCompleted)
        {
            BackgroundFailure.Watch($"Removing pod {_run.Name}", Task.Run(() => FinishDeletionAsync(CancellationToken.None)));
        }
    }

    /// <summary>The object was deleted: stop its processes.</summary>
    public void Gone()
    {
        _gone = true;
        Stop(TimeSpan.FromSeconds(1));
    }

    /// <summary>The node stops: the pod must end within this time. It is not deleted; the next start of the node starts it again.</summary>
    public void Shutdown(TimeSpan grace)
    {
        _shutdown = true;
        var own = TimeSpan.FromSeconds(_run.Pod.Spec!.TerminationGracePeriodSeconds ?? 30);
        Stop(own < grace ? own : grace);
    }

    /// <summary>A source of volumes has changed: updates the volumes.</summary>
    public async Task RefreshVolumesAsync()
    {
        if (_address.Length == 0 || _stop.IsCancellationRequested)
        {
            return;
        }

        try
        {
            await _run.Volumes.WriteAsync(_run.Pod, _address, _stop.Token);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The pod ends; its volumes are no longer used.
            return;
        }
        catch (Exception e) when (e is VolumeException or KubernetesException or HttpRequestException)
        {
            // The program keeps the previous content, as in a cluster.
            _node.Logger.LogWarning(e, "Cannot bring the volumes of pod {Pod} up to date", _run.Name);
        }
    }

    private void Stop(TimeSpan grace)
    {
        lock (_lock)
        {
            if (!_terminating)
            {
                _terminating = true;
                _status.Changed(urgent: true);
            }

            // Later requests can only shorten the grace period: keep the earliest requested time.
            var deadline = _node.Time.GetUtcNow() + grace;
            if (deadline < _killAt)
            {
                _killAt = deadline;
                if (grace <= TimeSpan.Zero)
                {
                    _ = _kill.CancelSafelyAsync();
                }
                else
                {
                    _kill.CancelAfter(grace);
                }
            }
        }

        // Not on this thread, which may be an informer's: continuations would run on it.
        _ = _stop.CancelSafelyAsync();
    }

    private async Task RunAsync(Task<bool> bound)
    {
        using var writing = new CancellationTokenSource();
        var writer = WriteStatusAsync(bound, writing.Token);
        try
        {
            try
            {
                await LiveAsync(_stop.Token);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                // Cancelled; the started containers are stopped next.
                _terminating = true;
            }

            await StopSidecarsAsync();
        }
        catch (Exception e)
        {
            _node.Logger.LogError(e, "Pod {Pod} failed on the node", _run.Name);
            _failure = new PodFailure("NodeError", e.Message);
        }

        ReleaseAddress();
        _node.Runtime.Allocations.End(_run.Pod.Metadata.Uid);
        await writing.CancelAsync();
        await writer;
        await ReportEndAsync(bound);
    }

    private async Task LiveAsync(CancellationToken stop)
    {
        Directory.CreateDirectory(_run.Directory);
        _status.Changed(urgent: false);
        using var deadline = Deadline();
        await AllocateAsync(stop);
        await MountAsync(stop);
        foreach (var runner in _init)
        {
            if (!await InitializeAsync(runner, stop))
            {
                return;
            }
        }

        // A container that had ended before the node started is not restarted, unless the restart policy is Always.
        var lives = _main
            .Where(runner => !runner.Finished)
            .Select(runner => Task.Run(() => runner.RunAsync(stop), CancellationToken.None))
            .ToList();
        await StopOnRequestAsync(_main, Task.WhenAll(lives), stop);
    }

    // Returns whether the next container may start.
    private async Task<bool> InitializeAsync(ContainerRunner runner, CancellationToken stop)
    {
        if (runner.Finished)
        {
            return runner.Succeeded;
        }

        var life = Task.Run(() => runner.RunAsync(stop), CancellationToken.None);
        if (PodStatusMaker.IsSidecar(runner.Container))
        {
            _sidecars.Add((runner, life));
            await runner.Started.WaitAsync(stop);
            return true;
        }

        await StopOnRequestAsync([runner], life, stop);
        stop.ThrowIfCancellationRequested();
        return runner.Succeeded;
    }

    // Waits for the containers to end, and stops them on request. A process may be starting when the request comes, so the stop is
    // repeated.
    private async Task StopOnRequestAsync(IReadOnlyList<ContainerRunner> runners, Task lives, CancellationToken stop)
    {
        await Task.WhenAny(lives, Task.Delay(Timeout.InfiniteTimeSpan, _node.Time, stop));
        while (!lives.IsCompleted)
        {
            await Task.WhenAll(runners.Select(r => r.StopAsync(_kill.Token)));
            await Task.WhenAny(lives, Task.Delay(TimeSpan.FromMilliseconds(20), CancellationToken.None));
        }

        await lives;
    }

    // Sidecars stop after the other containers, in reverse order.
    private async Task StopSidecarsAsync()
    {
        await _stop.CancelAsync();
        foreach (var (runner, life) in Enumerable.Reverse(_sidecars))
        {
            lock (_lock)
            {
                if (_killAt == DateTimeOffset.MaxValue)
                {
                    _killAt = _node.Time.GetUtcNow() + TimeSpan.FromSeconds(_run.Pod.Spec!.TerminationGracePeriodSeconds ?? 30);
                    _kill.CancelAfter(_killAt - _node.Time.GetUtcNow());
                }
            }

            await StopOnRequestAsync([runner], life, _stop.Token);
        }
    }

    private async Task AllocateAsync(CancellationToken stop)
    {
        for (var failures = 1; ; failures++)
        {
            if (_node.Options.Subnet.AllocatePodAddress() is { } address)
            {
                _run.Ports = PodPorts.Of(_run.Pod, address, _node.Runtime.Ports.Allocate);
                _address = address.ToString();
                _status.Changed(urgent: false);
                return;
            }

            _node.Events.Warning(_run.Pod, "FailedCreatePodSandBox", $"all addresses of {_node.Options.Subnet.Prefix}.0/24 are in use");
            await Task.Delay(Delays.After(failures), _node.Time, stop);
        }
    }

    private async Task MountAsync(CancellationToken stop)
    {
        for (var failures = 1; ; failures++)
        {
            try
            {
                await _run.Volumes.WriteAsync(_run.Pod, _address, stop);
                return;
            }
            catch (Exception e) when (e is VolumeException or KubernetesException or HttpRequestException)
            {
                _node.Events.Warning(_run.Pod, "FailedMount", e.Message);
                await Task.Delay(Delays.After(failures), _node.Time, stop);
            }
        }
    }

    private BackgroundTimer? Deadline()
    {
        if (_run.Pod.Spec!.ActiveDeadlineSeconds is not { } seconds)
        {
            return null;
        }

        var left = _startTime + TimeSpan.FromSeconds(seconds) - _node.Time.GetUtcNow();
        var timer = BackgroundTimer.Once(
            _node.Time,
            $"The deadline of pod {_run.Name}",
            () =>
            {
                const string message = "Pod was active on the node longer than the specified deadline";
                _failure = new PodFailure("DeadlineExceeded", message);
                _node.Events.Normal(_run.Pod, "DeadlineExceeded", message);
                Stop(TimeSpan.FromSeconds(_run.Pod.Spec.TerminationGracePeriodSeconds ?? 30));
            }
        );
        timer.Arm(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        return timer;
    }

    private async Task WriteStatusAsync(Task<bool> bound, CancellationToken cancellation)
    {
        if (!await bound)
        {
            Gone();
            return;
        }

        await _status.RunAsync(cancellation);
    }

    private async Task ReportEndAsync(Task<bool> bound)
    {
        if (_gone || !await bound)
        {
            return;
        }

        // When the node stops, the API server may already be gone: then give up soon.
        using var giveUp = new CancellationTokenSource();
        if (_shutdown)
        {
            giveUp.CancelAfter(TimeSpan.FromMilliseconds(500));
        }

        try
        {
            var there = await _status.WriteAsync(giveUp.Token);
            if (there && _run.Pod.Metadata.DeletionTimestamp is not null)
            {
                await FinishDeletionAsync(giveUp.Token);
            }
        }
        catch (OperationCanceledException) when (giveUp.IsCancellationRequested)
        {
            _node.Logger.LogDebug("The API server stopped before the last status of pod {Pod} was written", _run.Name);
        }
    }

    // The processes have ended: delete the object without a grace period.
    private async Task FinishDeletionAsync(CancellationToken cancellation)
    {
        if (Interlocked.Exchange(ref _deleting, 1) == 0)
        {
            await PodDeletion.FinishAsync(_node, _run.Pod, cancellation);
        }
    }

    private void ReleaseAddress()
    {
        if (_address.Length > 0)
        {
            _node.Options.Subnet.Release(_run.Ports.Address);
            _node.Runtime.Ports.Release(_run.Ports.UserPort);
        }
    }

    private PodObservation Observe() =>
        new([.. _init.Select(r => r.Status)], [.. _main.Select(r => r.Status)], _address, _startTime, _terminating, _failure)
        {
            Resize = _resizer.Seen,
        };

    private static ContainerStatus? Previous(IReadOnlyList<ContainerStatus>? statuses, Container container) =>
        statuses?.FirstOrDefault(s => s.Name == container.Name);
}
