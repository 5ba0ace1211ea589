using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Core;
using Serving.Concurrency;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.LocalCluster.Node.Limits;
using Serving.LocalCluster.Node.Pods;
using Serving.LocalCluster.Node.Processes;
using Serving.LocalCluster.Node.Resizing;

namespace Serving.LocalCluster.Node;

/// <summary>
/// The scheduler and the kubelet of a local cluster: runs the containers of pods as processes of this machine, on loopback
/// addresses only. Limits of CPU and memory are enforced where this machine permits it (<see cref="ResourceControl"/>). Security
/// contexts are not: programs run as the user who runs the node, and nothing isolates them from the machine or each other. Linux
/// only; needs <c>setpriv</c>, <c>setsid</c> and <c>sh</c>.
/// </summary>
public sealed class LocalNode
{
    private readonly LocalNodeOptions _options;
    private readonly IEventRecorder _events;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;

    /// <param name="options">The settings.</param>
    /// <param name="events">Records Kubernetes events of pods.</param>
    /// <param name="loggers">Creates the loggers of the node.</param>
    /// <param name="time">The clock.</param>
    public LocalNode(LocalNodeOptions options, IEventRecorder events, ILoggerFactory loggers, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(events);
        ArgumentNullException.ThrowIfNull(loggers);
        ArgumentNullException.ThrowIfNull(time);
        (_options, _events, _logger, _time) = (
            options with
            {
                DataDirectory = Path.GetFullPath(options.DataDirectory),
            },
            events,
            loggers.CreateLogger<LocalNode>(),
            time
        );
    }

    /// <summary>
    /// Registers the node and runs the pods that are bound to it, until cancelled; then stops all pods within
    /// <see cref="LocalNodeOptions.ShutdownGrace"/> and returns when no process is left. The Pod objects are kept, and a later run starts
    /// them again.
    /// </summary>
    public async Task RunAsync(IKubernetesClient client, IInformers informers, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(informers);
        var logs = new LogBudget(Path.Combine(_options.DataDirectory, NodeContext.PodsFolder), _options.MaxLogBytes, _logger);
        var limits = ResourceControl.Choose(_options.Cgroups, _logger);
        _logger.LogInformation("Containers of this node: {Limits}", limits.Description);
        var allocations = new NodeAllocations((long)(_options.CapacityOf("cpu") * 1000), (long)_options.CapacityOf("memory"));
        using var runtime = new NodeRuntime(logs, limits, allocations);
        var context = new NodeContext(_options, client, new NodeObjects(client, informers), runtime, _events, _logger, _time);
        var pods = informers.For(Resources.Pods);
        var run = new Run(context, cancellation);
        allocations.RoomAppeared = run.RetryResizes;
        var registration = new NodeRegistration(context);
        try
        {
            await registration.RegisterAsync(cancellation);
            await pods.WaitForSyncAsync(cancellation);
            await context.Objects.Nodes.WaitForSyncAsync(cancellation);
            run.RemoveLeftovers(pods.Lister.List());
            logs.Check();
            using var handler = pods.AddHandler(run.Handle);
            using var configMaps = context.Objects.ConfigMaps.AddHandler(change => run.Refresh(change.Key.Namespace));
            using var secrets = context.Objects.Secrets.AddHandler(change => run.Refresh(change.Key.Namespace));
            using var nodes = context.Objects.Nodes.AddHandler(_ => run.Retry());
            await registration.KeepAsync(cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            _logger.LogInformation("Node stopping: stopping its pods");
        }
        finally
        {
            await run.ShutdownAsync();
        }
    }

    /// <summary>The pods of one run of the node, by uid. Changes arrive one at a time; nothing here blocks.</summary>
    private sealed class Run(NodeContext node, CancellationToken cancellation)
    {
        private readonly ConcurrentDictionary<string, PodWorker> _workers = new(StringComparer.Ordinal);
        private readonly ConcurrentDictionary<string, Task> _ending = new(StringComparer.Ordinal);
        private readonly Dictionary<string, Waiting> _waiting = new(StringComparer.Ordinal);
        private readonly PodScheduler _scheduler = new(node);
        private readonly Lock _lock = new();
        private bool _stopping;

        public void Handle(Change<Pod> change)
        {
            lock (_lock)
            {
                if (_stopping)
                {
                    return;
                }

                if (change.Old is { } old && old.Metadata.Uid != change.New?.Metadata.Uid)
                {
                    Remove(old);
                }

                if (change.New is { } pod)
                {
                    Handle(pod);
                }
            }
        }

        /// <summary>Retries scheduling of the pods that did not fit, the oldest first.</summary>
        public void Retry()
        {
            lock (_lock)
            {
                if (_stopping)
                {
                    return;
                }

                foreach (var waiting in _waiting.Values.OrderBy(w => w.Pod.Metadata.CreationTimestamp).ToList())
                {
                    Schedule(waiting.Pod);
                }
            }
        }

        /// <summary>Retries the resizes that did not fit: of higher priority first, then of Guaranteed pods, then the oldest.</summary>
        public void RetryResizes()
        {
            foreach (
                var worker in _workers
                    .Values.Where(w => w.HasDeferredResize)
                    .OrderByDescending(w => PriorityOf(w.Pod))
                    .ThenBy(w => PodStatusMaker.QosClass(w.Pod.Spec!) == "Guaranteed" ? 0 : 1)
                    .ThenBy(w => w.DeferredSince)
                    .ToList()
            )
            {
                worker.RetryResize();
            }
        }

        private static int PriorityOf(Pod pod) =>
            pod.Spec?.ExtensionData?.TryGetValue("priority", out var priority) == true && priority.TryGetInt32(out var value) ? value : 0;

        public void Refresh(string ns)
        {
            foreach (var worker in _workers.Values)
            {
                if (worker.Namespace == ns && worker.HasVolumesFromApi)
                {
                    BackgroundFailure.Watch("Updating the volumes of a pod", worker.RefreshVolumesAsync());
                }
            }
        }

        /// <summary>Removes the files of pods that were deleted while the node did not run.</summary>
        public void RemoveLeftovers(IReadOnlyList<Pod> pods)
        {
            var root = Path.Combine(node.Options.DataDirectory, "pods");
            Directory.CreateDirectory(root);
            var known = pods.Select(p => p.Metadata.Uid).ToHashSet(StringComparer.Ordinal);
            foreach (var directory in Directory.EnumerateDirectories(root).Where(d => !known.Contains(d[(d.LastIndexOf('_') + 1)..])))
            {
                Delete(directory);
            }
        }

        public async Task ShutdownAsync()
        {
            lock (_lock)
            {
                _stopping = true;
            }

            foreach (var worker in _workers.Values)
            {
                worker.Shutdown(node.Options.ShutdownGrace);
            }

            await Task.WhenAll([.. _workers.Values.Select(w => w.Completion), .. _ending.Values]);
        }

        private void Handle(Pod pod)
        {
            if (_workers.TryGetValue(pod.Metadata.Uid, out var worker))
            {
                worker.Update(pod);
            }
            else if (pod.Spec?.NodeName == node.Options.NodeName)
            {
                Adopt(pod);
            }
            else if (PodScheduler.IsFor(pod))
            {
                Schedule(pod);
                return;
            }

            _waiting.Remove(pod.Metadata.Uid);
        }

        private void Adopt(Pod pod)
        {
            if (pod.Metadata.DeletionTimestamp is not null)
            {
                // No process of it runs here: they end with the node.
                BackgroundFailure.Watch(
                    "Removing a pod",
                    Task.Run(() => PodDeletion.FinishAsync(node, pod, cancellation), CancellationToken.None)
                );
            }
            else if (pod.Status?.Phase is not ("Succeeded" or "Failed"))
            {
                Start(pod, Task.FromResult(true));
            }
        }

        private void Schedule(Pod pod)
        {
            var before = _waiting.GetValueOrDefault(pod.Metadata.Uid);
            var reported = before?.Reported ?? Task.CompletedTask;
            var running = _workers.Values.Count(w => !w.Completion.IsCompleted);
            if (
                PodScheduler.Unschedulable(pod, node.Options, node.Objects.Nodes.Lister.Get("", node.Options.NodeName), running) is
                { } message
            )
            {
                _waiting[pod.Metadata.Uid] = new Waiting(
                    pod,
                    message,
                    message == before?.Message ? reported : Task.Run(() => ReportAsync(pod, message, reported), CancellationToken.None)
                );
                return;
            }

            _waiting.Remove(pod.Metadata.Uid);

            // There is only one node, so the pod starts while its binding is being written, which shortens a cold start.
            var bound = Task.Run(() => BindAsync(pod, reported), CancellationToken.None);
            Start(pod with { Spec = pod.Spec! with { NodeName = node.Options.NodeName } }, bound);
        }

        // Sequentially: "unschedulable" must not be written after the binding.
        private async Task ReportAsync(Pod pod, string message, Task reported)
        {
            await reported.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await _scheduler.ReportAsync(pod, message, cancellation);
        }

        private async Task<bool> BindAsync(Pod pod, Task reported)
        {
            await reported.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return await _scheduler.BindAsync(pod, cancellation);
        }

        private void Start(Pod pod, Task<bool> bound)
        {
            var worker = new PodWorker(node, pod, bound);
            _workers[pod.Metadata.Uid] = worker;
            BackgroundFailure.Watch("Scheduling waiting pods", RetryAfterAsync(worker));
        }

        // A pod that ends frees capacity for another.
        private async Task RetryAfterAsync(PodWorker worker)
        {
            await worker.Completion.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding);
            Retry();
        }

        private void Remove(Pod pod)
        {
            _waiting.Remove(pod.Metadata.Uid);
            var ended = Task.CompletedTask;
            if (_workers.TryRemove(pod.Metadata.Uid, out var worker))
            {
                worker.Gone();
                ended = worker.Completion;
            }

            if (pod.Spec?.NodeName == node.Options.NodeName || worker is not null)
            {
                var removal = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _ending[pod.Metadata.Uid] = removal.Task;
                BackgroundFailure.Watch("Removing the files of a pod", RemoveFilesAsync(pod, ended, removal));
            }
        }

        // Registered before it starts to stop, and removed when it has stopped, whatever the outcome.
        private async Task RemoveFilesAsync(Pod pod, Task ended, TaskCompletionSource removal)
        {
            try
            {
                await ended.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
                Delete(node.DirectoryOf(pod.Metadata.Namespace, pod.Metadata.Name, pod.Metadata.Uid));
            }
            finally
            {
                _ending.TryRemove(pod.Metadata.Uid, out _);
                removal.TrySetResult();
            }
        }

        private void Delete(string directory)
        {
            try
            {
                if (Directory.Exists(directory))
                {
                    Directory.Delete(directory, recursive: true);
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                node.Logger.LogWarning(e, "Cannot remove {Directory}", directory);
            }
        }

        // A pod that did not fit, the reported reason, and the pending write of it.
        private sealed record Waiting(Pod Pod, string Message, Task Reported);
    }
}
