using System.Globalization;
using System.Net;
using Microsoft.Extensions.Logging;
using Serving.Api.Core;
using Serving.Concurrency;
using Serving.Kubernetes.Client;
using Serving.LocalCluster.Node.Limits;
using Serving.LocalCluster.Node.Processes;
using Serving.LocalCluster.Node.Resizing;
using Serving.LocalCluster.Node.Variables;

namespace Serving.LocalCluster.Node.Pods;

/// <summary>
/// Runs one container: starts its program, restarts it according to its restart policy, and maintains its
/// status. Invariant: at most one process of the container exists, and none after <see cref="RunAsync"/> has returned.
/// </summary>
internal sealed class ContainerRunner
{
    private static readonly TimeSpan ErrImagePullShown = TimeSpan.FromSeconds(1);
    private static readonly Backoff Delays = new(TimeSpan.FromMilliseconds(250), TimeSpan.FromSeconds(10));
    private readonly NodeContext _node;
    private readonly PodRun _pod;
    private readonly string _restartPolicy;
    private readonly Lock _lock = new();
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ContainerStatus _status;
    private readonly IContainerControl _control;
    private ContainerRun? _run;
    private ResourceRequirements? _allocated;
    private ResourceRequirements? _applied;
    private TaskCompletionSource? _restarting;

    /// <param name="node">The node.</param>
    /// <param name="pod">The pod.</param>
    /// <param name="container">The container.</param>
    /// <param name="restartPolicy"><c>Always</c>, <c>OnFailure</c> or <c>Never</c>: the pod's policy, or that of an init container.</param>
    /// <param name="previous">Its status from before this node started; its process has ended. Null for a new container.</param>
    public ContainerRunner(NodeContext node, PodRun pod, Container container, string restartPolicy, ContainerStatus? previous)
    {
        _node = node;
        _pod = pod;
        Container = container;
        _control = node.Runtime.Limits.For($"{pod.Pod.Metadata.Uid}_{container.Name}");
        (_allocated, _applied) = (container.Resources, container.Resources);
        _restartPolicy = restartPolicy;
        _status = EarlierRun.InitialStatus(
            container,
            previous,
            restartPolicy,
            pod.Pod.Spec!.InitContainers.Count > 0,
            node.Time.GetUtcNow()
        );
        Finished = _status.State?.Terminated is not null;
    }

    /// <summary>The specification.</summary>
    public Container Container { get; }

    /// <summary>The resources that the node allocated to it.</summary>
    public ResourceRequirements? Allocated => Volatile.Read(ref _allocated);

    /// <summary>The resources that its process runs with, or will be started with.</summary>
    public ResourceRequirements? Applied => Volatile.Read(ref _run) is null ? Allocated : Volatile.Read(ref _applied);

    /// <summary>Whether it runs with more memory, or without a limit, than it has to.</summary>
    public bool IsShrinkingMemory =>
        Volatile.Read(ref _run) is not null
        && ContainerLimits.Of(Allocated).Memory is { } limit
        && (ContainerLimits.Of(Applied).Memory ?? long.MaxValue) > limit
        && !ResizePolicy.NeedsRestart(Container, Applied, Allocated);

    /// <summary>The memory in use by its processes, in bytes.</summary>
    public long MemoryInUse => _control.MemoryInUse;

    /// <summary>The current status.</summary>
    public ContainerStatus Status => Volatile.Read(ref _status);

    /// <summary>Whether it had ended before this node started and must not be restarted.</summary>
    public bool Finished { get; }

    /// <summary>Whether it has ended successfully, in this or an earlier run of the node.</summary>
    public bool Succeeded => Status.State?.Terminated is { ExitCode: 0 };

    /// <summary>Completes when the container has started for the first time, its startup probe and postStart hook included.</summary>
    public Task Started => _started.Task;

    /// <summary>Runs the container until it has ended for good, or has ended after <paramref name="stop"/> was cancelled.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        var backOff = new RestartBackOff();
        try
        {
            while (true)
            {
                var began = _node.Time.GetUtcNow();
                var exitCode = await RunOnceAsync(stop);
                stop.ThrowIfCancellationRequested();
                if (Volatile.Read(ref _restarting) is not null)
                {
                    CountRestart();
                    continue;
                }

                if (_restartPolicy == "Never" || (_restartPolicy == "OnFailure" && exitCode == 0))
                {
                    return;
                }

                var wait = backOff.After(_node.Time.GetUtcNow() - began);
                if (wait > TimeSpan.Zero)
                {
                    var message = string.Create(
                        CultureInfo.InvariantCulture,
                        $"back-off {Duration(wait)} restarting failed container={Container.Name} pod={_pod.Name}"
                    );
                    Wait("CrashLoopBackOff", message);
                    _node.Events.Warning(_pod.Pod, "BackOff", $"Back-off restarting failed container {Container.Name} in pod {_pod.Name}");
                    await Task.Delay(wait, _node.Time, stop);
                }

                CountRestart();
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Stopped: the process has ended, or was not started.
            return;
        }
        finally
        {
            Interlocked.Exchange(ref _restarting, null)?.TrySetResult();
            await _control.RemoveAsync();
        }
    }

    /// <summary>Records what the node allocated; a process that is started from now on gets it.</summary>
    public void Allocate(ResourceRequirements? resources) => Volatile.Write(ref _allocated, resources);

    /// <summary>
    /// Makes the running process keep to what is allocated: without a restart, or by one when its policy asks for it; then returns when the
    /// new process has started. Throws an <see cref="IOException"/> when the machine refuses the limits.
    /// </summary>
    /// <param name="grace">The time for the process to end at a restart.</param>
    /// <param name="stop">Cancelled when the pod stops.</param>
    public async Task ApplyAsync(TimeSpan grace, CancellationToken stop)
    {
        var (applied, wanted) = (Applied, Allocated);
        if (Volatile.Read(ref _run) is not { } run || ResizePolicy.Same(applied, wanted))
        {
            return;
        }

        if (!ResizePolicy.NeedsRestart(Container, applied, wanted))
        {
            _control.Apply(ContainerLimits.Of(wanted));
            Volatile.Write(ref _applied, wanted);
            return;
        }

        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Volatile.Write(ref _restarting, started);
        Update(s => s with { Ready = false }, urgent: true);
        _node.Events.Normal(_pod.Pod, "Killing", $"Container {Container.Name} resize requires restart");
        using (var kill = new CancellationTokenSource(grace, _node.Time))
        {
            await run.StopAsync(kill.Token);
        }

        await started.Task.WaitAsync(stop);
    }

    /// <summary>
    /// Stops the process if there is one: the preStop hook, SIGTERM, and SIGKILL when <paramref name="kill"/> is cancelled.
    /// The caller must prevent restarts. A process that is just being started is not stopped: call again until <see cref="RunAsync"/>
    /// returns.
    /// </summary>
    public async Task StopAsync(CancellationToken kill)
    {
        if (Volatile.Read(ref _run) is { } run)
        {
            if (!run.Stopping)
            {
                Update(s => s with { Ready = false }, urgent: true);
                _node.Events.Normal(_pod.Pod, "Killing", $"Stopping container {Container.Name}");
            }

            await run.StopAsync(kill);
        }
    }

    private long MemoryKills()
    {
        try
        {
            return _control.MemoryKills;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _node.Logger.LogDebug(e, "Cannot read whether container {Container} exceeded its memory", Container.Name);
            return 0;
        }
    }

    // It was resized while it started.
    private async Task ApplyAfterStartAsync(CancellationToken stop)
    {
        try
        {
            await ApplyAsync(TimeSpan.FromSeconds(_pod.Pod.Spec!.TerminationGracePeriodSeconds ?? 30), stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The pod stops.
            return;
        }
    }

    // Count and last state together: a restart must never be visible without its cause.
    private void CountRestart() =>
        Update(s => s with { RestartCount = s.RestartCount + 1, LastState = s.State?.Terminated is null ? s.LastState : s.State });

    // Runs one process, from preparing its environment to its end. Returns its exit code.
    private async Task<int> RunOnceAsync(CancellationToken stop)
    {
        var (spec, resources) = await PrepareAsync(stop);
        var id = "process://" + Guid.NewGuid().ToString("N");
        ContainerRun run;
        try
        {
            run = await ContainerRun.StartAsync(_node, _pod, Container, spec, id, Status.RestartCount);
        }
        catch (Exception e) when (e is IOException or System.ComponentModel.Win32Exception or UnauthorizedAccessException)
        {
            _node.Events.Warning(_pod.Pod, "Failed", $"Error: {e.Message}");
            var now = _node.Time.GetUtcNow();
            Terminate(
                new ContainerStateTerminated
                {
                    ExitCode = 128,
                    Reason = "StartError",
                    Message = e.Message,
                    StartedAt = now,
                    FinishedAt = now,
                    ContainerID = id,
                }
            );
            return 128;
        }

        _node.Events.Normal(_pod.Pod, "Created", $"Created container: {Container.Name}");
        _control.Started(run.ProcessGroup);
        Volatile.Write(ref _applied, resources);
        Volatile.Write(ref _run, run);
        Interlocked.Exchange(ref _restarting, null)?.TrySetResult();
        if (!ReferenceEquals(resources, Allocated))
        {
            BackgroundFailure.Watch($"Resizing container {Container.Name}", ApplyAfterStartAsync(stop));
        }

        Update(s =>
            s with
            {
                State = new ContainerState { Running = new ContainerStateRunning { StartedAt = run.StartedAt } },
                LastState = s.State?.Terminated is null ? s.LastState : s.State,
                ContainerID = id,
                Started = false,
                Ready = false,
            }
        );
        _node.Events.Normal(_pod.Pod, "Started", $"Started container {Container.Name}");

        var kills = MemoryKills();
        var terminated = await run.WatchAsync(
            () =>
            {
                Update(s => s with { Started = true });
                _started.TrySetResult();
            },
            ready => Update(s => s with { Ready = ready && !run.Stopping }, urgent: true)
        );
        Volatile.Write(ref _run, null);
        if (terminated.ExitCode == 128 + Native.SigKill && MemoryKills() > kills)
        {
            terminated = terminated with { Reason = "OOMKilled" };
        }

        Terminate(terminated);
        if (terminated.ExitCode != 0 && !run.Stopping && AddressInUse.Explain(run.LogTail(), Container.Name, _pod.Ports) is { } cause)
        {
            _node.Events.Warning(_pod.Pod, "AddressInUse", cause);
        }

        return terminated.ExitCode;
    }

    // Retries until the container has a program, its configuration and its addresses.
    private async Task<(ProcessSpec Spec, ResourceRequirements? Resources)> PrepareAsync(CancellationToken stop)
    {
        var imageBackOff = new RestartBackOff();
        imageBackOff.After(TimeSpan.Zero);
        var failures = 0;
        while (true)
        {
            stop.ThrowIfCancellationRequested();
            if (_node.Options.Images.Resolve(Container.Image) is not { } program)
            {
                await ImageMissingAsync(imageBackOff.After(TimeSpan.Zero), stop);
                continue;
            }

            if (Status.ImageID.Length == 0)
            {
                _node.Events.Normal(_pod.Pod, "Pulled", $"Container image \"{Container.Image}\" already present on machine");
                Update(s => s with { ImageID = ImageMap.ImageId(Container.Image) });
            }

            var reason = "CreateContainerConfigError";
            string message;
            try
            {
                var resources = Allocated;
                var spec = await SpecAsync(program, Container with { Resources = resources }, stop);
                if (PortHolder() is not { } holder)
                {
                    _control.Apply(ContainerLimits.Of(resources));
                    return (_control.Place(spec), resources);
                }

                (reason, message) = ("CreateContainerError", holder);
            }
            catch (Exception e)
                when (e is ContainerConfigException or KubernetesException or HttpRequestException or IOException or FormatException)
            {
                message = e.Message;
            }

            Wait(reason, message);
            _node.Events.Warning(_pod.Pod, "Failed", $"Error: {message}");
            await Task.Delay(Delays.After(++failures), _node.Time, stop);
        }
    }

    private async Task ImageMissingAsync(TimeSpan wait, CancellationToken stop)
    {
        var message =
            $"image \"{Container.Image}\" is not in the image map: add --image '{Container.Image}=COMMAND' to map it to a program";
        Wait("ErrImagePull", message);
        _node.Events.Warning(_pod.Pod, "Failed", $"Failed to pull image \"{Container.Image}\": {message}");
        _node.Events.Warning(_pod.Pod, "Failed", "Error: ErrImagePull");
        await Task.Delay(ErrImagePullShown, _node.Time, stop);
        Wait("ImagePullBackOff", $"Back-off pulling image \"{Container.Image}\": ErrImagePull: {message}");
        _node.Events.Normal(_pod.Pod, "BackOff", $"Back-off pulling image \"{Container.Image}\"");
        await Task.Delay(wait, _node.Time, stop);
    }

    private async Task<ProcessSpec> SpecAsync(IReadOnlyList<string> program, Container container, CancellationToken stop)
    {
        var environment = await new ContainerEnvironment(_node.Objects, _node.Options.ApiServer).MakeAsync(
            _pod.Pod,
            container,
            _pod.Ports.Address.ToString(),
            stop
        );
        _pod.Ports.Rewrite(container, environment);
        var binds = _pod.Volumes.Mount(container, environment);
        environment["TERMINATION_MESSAGE_PATH"] = ContainerRun.TerminationFile(_pod, container);

        var command = container.Command.Select(word => VariableExpansion.Expand(word, environment)).ToList();
        var args = container.Args.Select(word => VariableExpansion.Expand(word, environment));

        // The command of a pod is usually a path in its image: use it only if it exists on this machine.
        var useOwn = command.Count > 0 && ProcessLauncher.FindProgram(command[0], environment.GetValueOrDefault("PATH")) is not null;
        var directory = container.WorkingDir.Length > 0 && Directory.Exists(container.WorkingDir) ? container.WorkingDir : _pod.Directory;
        return new ProcessSpec([.. useOwn ? command : program, .. args], environment, directory, binds);
    }

    // Only programs that listen on the pod's own address can conflict: user programs beside a sidecar have free ports.
    private string? PortHolder()
    {
        foreach (var port in Container.Ports.Where(p => p.Protocol is "" or "TCP"))
        {
            var endpoint = _pod.Ports.Target(Container.Name, port.Number);
            if (!IPAddress.Loopback.Equals(endpoint.Address) && AddressHolder.Of(endpoint) is { } holder)
            {
                return $"address {endpoint} is in use by {holder}";
            }
        }

        return null;
    }

    private void Wait(string reason, string message) =>
        Update(s =>
            s with
            {
                State = new ContainerState
                {
                    Waiting = new ContainerStateWaiting { Reason = reason, Message = message },
                },
                LastState = s.State?.Terminated is null ? s.LastState : s.State,
                Ready = false,
                Started = false,
            }
        );

    private void Terminate(ContainerStateTerminated terminated) =>
        Update(
            s =>
                s with
                {
                    State = new ContainerState { Terminated = terminated },
                    ContainerID = terminated.ContainerID,
                    Ready = false,
                    Started = false,
                },
            urgent: true
        );

    private void Update(Func<ContainerStatus, ContainerStatus> change, bool urgent = false)
    {
        lock (_lock)
        {
            Volatile.Write(ref _status, change(_status));
        }

        _pod.Changed(urgent);
    }

    // As Go prints it.
    private static string Duration(TimeSpan time) =>
        time.TotalMinutes < 1 ? $"{(int)time.TotalSeconds}s" : $"{(int)time.TotalMinutes}m{time.Seconds}s";
}
