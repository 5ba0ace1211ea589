using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json;
using Serving.Api;
using Serving.Api.Core;
using Serving.Concurrency;
using Serving.LocalCluster.Node.Limits;
using Serving.LocalCluster.Node.Pods;

namespace Serving.LocalCluster.Node.Resizing;

/// <summary>
/// Resizes the containers of one pod as a kubelet does: first it allocates what the pod asks for, all or nothing
/// (<see cref="NodeAllocations"/>), then it applies what is allocated, without a restart unless the container's policy asks for one.
/// Invariant: the observed generation is that of a pod whose resources were decided on, so the conditions are about it.
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "Its semaphore is only awaited asynchronously, so it owns no system handle.")]
internal sealed class PodResizer
{
    private const string Error = "Error";

    // A program may release memory at any time; nothing reports it.
    private static readonly TimeSpan RetryError = TimeSpan.FromSeconds(2);

    private readonly NodeContext _node;
    private readonly PodRun _run;
    private readonly IReadOnlyList<ContainerRunner> _runners;
    private readonly CancellationToken _stop;
    private readonly SemaphoreSlim _turn = new(1);
    private readonly Lock _lock = new();
    private Pod _desired;
    private PodSpec _allocated;
    private ResizeObservation _seen = new();
    private int _retrying;

    /// <param name="node">The node.</param>
    /// <param name="run">The pod.</param>
    /// <param name="runners">Its containers that can be resized.</param>
    /// <param name="stop">Cancelled when the pod stops: then nothing is resized.</param>
    public PodResizer(NodeContext node, PodRun run, IReadOnlyList<ContainerRunner> runners, CancellationToken stop)
    {
        (_node, _run, _runners, _stop) = (node, run, runners, stop);
        _desired = run.Pod;
        _allocated = Earlier(run.Pod);
        foreach (var runner in runners)
        {
            runner.Allocate(ResourcesOf(_allocated, runner.Container.Name));
        }

        node.Runtime.Allocations.Start(run.Pod.Metadata.Uid, PodRequests.Of(_allocated));
    }

    /// <summary>What the status shows.</summary>
    public ResizeObservation Seen
    {
        get
        {
            lock (_lock)
            {
                return _seen with
                {
                    Containers = _runners.ToDictionary(
                        r => r.Container.Name,
                        r => new ContainerResources(ResourcesOf(_allocated, r.Container.Name), r.Applied),
                        StringComparer.Ordinal
                    ),
                };
            }
        }
    }

    /// <summary>When the deferred resize was first tried.</summary>
    public DateTimeOffset DeferredSince { get; private set; }

    /// <summary>Whether a resize waits for room on the node.</summary>
    public bool IsDeferred
    {
        get
        {
            lock (_lock)
            {
                return _seen.Pending is { Reason: ResizeRefusal.Deferred };
            }
        }
    }

    /// <summary>A version of the pod; called for every change of the object. Does not block.</summary>
    public void Update(Pod pod)
    {
        lock (_lock)
        {
            _desired = pod;
            if (_seen.Generation == pod.Metadata.Generation)
            {
                return;
            }
        }

        Evaluate();
    }

    /// <summary>Other pods need less now. Does not block.</summary>
    public void Retry()
    {
        if (IsDeferred && !_stop.IsCancellationRequested)
        {
            Evaluate();
        }
    }

    private void Evaluate()
    {
        var (changed, frees) = Allocate();
        if (changed)
        {
            BackgroundFailure.Watch($"Resizing pod {_run.Name}", Task.Run(ApplyAsync, CancellationToken.None));
        }

        _run.Changed(urgent: false);
        if (frees)
        {
            _node.Runtime.Allocations.RoomAppeared();
        }
    }

    // Returns whether there is something to apply, and whether other pods may have room now.
    private (bool Changed, bool Frees) Allocate()
    {
        lock (_lock)
        {
            var pod = _desired;
            var generation = pod.Metadata.Generation;
            var wanted = WithResources(_run.Pod.Spec!, pod.Spec!);
            if (_runners.All(r => ResizePolicy.Same(ResourcesOf(_allocated, r.Container.Name), ResourcesOf(wanted, r.Container.Name))))
            {
                _seen = _seen with { Generation = generation, Pending = null };
                return (false, false);
            }

            if (_node.Runtime.Allocations.Resize(pod.Metadata.Uid, PodRequests.Of(wanted), out var frees) is { } refusal)
            {
                var pending = new ResizeCondition(refusal.Reason, refusal.Message, generation);
                var isNew = _seen.Pending != pending;
                _seen = _seen with { Generation = generation, Pending = pending };
                if (isNew)
                {
                    DeferredSince = _node.Time.GetUtcNow();
                    _node.Events.Warning(
                        pod,
                        $"Resize{refusal.Reason}",
                        ResizeMessages.Of($"Pod resize {refusal.Reason}", wanted, generation, refusal.Message)
                    );
                }

                return (false, false);
            }

            _allocated = wanted;
            foreach (var runner in _runners)
            {
                runner.Allocate(ResourcesOf(wanted, runner.Container.Name));
            }

            _seen = _seen with { Generation = generation, Pending = null, InProgress = new ResizeCondition("", "", generation) };
            _node.Events.Normal(pod, "ResizeStarted", ResizeMessages.Of("Pod resize started", wanted, generation));
            return (true, frees);
        }
    }

    // One at a time: a restart may take the grace period of the pod, and what was allocated meanwhile is applied after it.
    private async Task ApplyAsync()
    {
        try
        {
            await _turn.WaitAsync(_stop);
            try
            {
                await ApplyAllAsync();
            }
            finally
            {
                _turn.Release();
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The pod stops: its resources no longer matter.
            return;
        }
    }

    private async Task ApplyAllAsync()
    {
        PodSpec allocated;
        ResizeCondition? progress;
        lock (_lock)
        {
            (allocated, progress) = (_allocated, _seen.InProgress);
        }

        if (progress is null)
        {
            return;
        }

        var grace = TimeSpan.FromSeconds(_run.Pod.Spec!.TerminationGracePeriodSeconds ?? 30);
        var error = MemoryInUse();
        try
        {
            if (error.Length == 0)
            {
                foreach (var runner in _runners)
                {
                    await runner.ApplyAsync(grace, _stop);
                }
            }
        }
        catch (IOException e)
        {
            error = e.Message;
        }

        var done = false;
        lock (_lock)
        {
            // A newer resize is applied by the next call.
            if (_seen.InProgress?.Generation == progress.Generation && ReferenceEquals(_allocated, allocated))
            {
                done = error.Length == 0;
                _seen = _seen with { InProgress = done ? null : progress with { Reason = Error, Message = error } };
            }
        }

        if (done)
        {
            _node.Events.Normal(_run.Pod, "ResizeCompleted", ResizeMessages.Of("Pod resize completed", allocated, progress.Generation));
        }
        else if (error.Length > 0)
        {
            if (progress.Message != error)
            {
                _node.Events.Warning(_run.Pod, "ResizeError", ResizeMessages.Of("Pod resize error", allocated, progress.Generation, error));
            }

            RetryLater();
        }

        _run.Changed(urgent: false);
    }

    private void RetryLater()
    {
        if (Interlocked.Exchange(ref _retrying, 1) != 0)
        {
            return;
        }

        BackgroundFailure.Watch(
            $"Resizing pod {_run.Name}",
            Task.Run(async () =>
            {
                await Task.Delay(RetryError, _node.Time, _stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                Volatile.Write(ref _retrying, 0);
                await ApplyAsync();
            })
        );
    }

    // A limit below what is in use would end the program. Empty when no limit is; nothing of a resize is applied otherwise.
    private string MemoryInUse()
    {
        var problems = new List<string>();
        var (podLimit, podUse) = ((long?)0, 0L);
        foreach (var runner in _runners)
        {
            var wanted = ContainerLimits.Of(runner.Allocated).Memory;
            podLimit += wanted;
            if (!runner.IsShrinkingMemory)
            {
                podUse += wanted is null ? 0 : Math.Min(runner.MemoryInUse, wanted.Value);
                continue;
            }

            var use = runner.MemoryInUse;
            podUse += use;
            if (wanted < use)
            {
                problems.Add(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"attempting to set container \"{runner.Container.Name}\" memory limit ({wanted}) below current usage ({use})"
                    )
                );
            }
        }

        if (problems.Count > 0 && podLimit < podUse)
        {
            problems.Insert(
                0,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"attempting to set pod memory limit ({podLimit}) below current usage ({podUse})"
                )
            );
        }

        return problems.Count switch
        {
            0 => "",
            1 => $"cannot decrease memory limits: {problems[0]}",
            _ => $"cannot decrease memory limits: [{string.Join(", ", problems)}]",
        };
    }

    private static ResourceRequirements? ResourcesOf(PodSpec spec, string container) =>
        spec.Containers.Concat(spec.InitContainers).FirstOrDefault(c => c.Name == container)?.Resources;

    private static PodSpec WithResources(PodSpec spec, PodSpec wanted)
    {
        return spec with { Containers = Taken(spec.Containers), InitContainers = Taken(spec.InitContainers) };

        List<Container> Taken(IEnumerable<Container> containers) =>
            [.. containers.Select(c => c with { Resources = ResourcesOf(wanted, c.Name) ?? c.Resources })];
    }

    // A resize that was pending when the node stopped is pending again: its status has what was allocated before.
    private static PodSpec Earlier(Pod pod)
    {
        var spec = pod.Spec!;
        if (pod.Status?.Conditions.Any(c => c is { Type: "PodResizePending", Status: "True" }) != true)
        {
            return spec;
        }

        var earlier = pod
            .Status.ContainerStatuses.Concat(pod.Status.InitContainerStatuses)
            .Select(s => (s.Name, Document: JsonSerializer.SerializeToNode(s, ApiJson.Default.Of<ContainerStatus>())?["resources"]))
            .Where(s => s.Document is not null)
            .ToDictionary(s => s.Name, s => s.Document.Deserialize(ApiJson.Default.Of<ResourceRequirements>()), StringComparer.Ordinal);
        return spec with { Containers = Taken(spec.Containers), InitContainers = Taken(spec.InitContainers) };

        List<Container> Taken(IEnumerable<Container> containers) =>
            [.. containers.Select(c => earlier.TryGetValue(c.Name, out var had) ? c with { Resources = had } : c)];
    }
}
