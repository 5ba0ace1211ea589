using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using Microsoft.Extensions.Logging;
using Serving.Api.Core;
using Serving.Concurrency;
using Serving.LocalCluster.Node.Probes;
using Serving.LocalCluster.Node.Processes;

namespace Serving.LocalCluster.Node.Pods;

/// <summary>One process of a container with its log, hooks and probes.</summary>
[SuppressMessage("Reliability", "CA1001", Justification = "The log is disposed when the process has ended.")]
internal sealed class ContainerRun : ContainerProbes.IOwner
{
    private const int MessageBytes = 4096;

    // Child processes of an ended process may hold its pipes. They are killed with their group; this bounds the wait for those that left
    // it.
    private static readonly TimeSpan LogDrain = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan HookTimeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan TermAtLeast = TimeSpan.FromSeconds(2);
    private readonly NodeContext _node;
    private readonly PodRun _pod;
    private readonly Container _container;
    private readonly ProcessSpec _spec;
    private readonly string _id;
    private readonly string _logPath;
    private readonly RunningProcess _process;
    private readonly ContainerLog _log;
    private readonly Task _pumps;
    private Action _started = static () => { };
    private Action<bool> _ready = static _ => { };
    private int _stopping;

    private ContainerRun(NodeContext node, PodRun pod, Container container, ProcessSpec spec, string id, RunLog log, RunningProcess process)
    {
        (_node, _pod, _container, _spec, _id, _logPath, _log, _process) = (node, pod, container, spec, id, log.Path, log.Log, process);
        StartedAt = node.Time.GetUtcNow();
        _pumps = Task.WhenAll(_log.PumpAsync(process.Output), _log.PumpAsync(process.Error));
    }

    /// <summary>When the process was started.</summary>
    public DateTimeOffset StartedAt { get; }

    /// <summary>Its process group.</summary>
    public int ProcessGroup => _process.Id;

    /// <summary>Whether a stop was requested.</summary>
    public bool Stopping => Volatile.Read(ref _stopping) != 0;

    /// <summary>Starts the process. Throws when it cannot be started.</summary>
    public static async Task<ContainerRun> StartAsync(
        NodeContext node,
        PodRun pod,
        Container container,
        ProcessSpec spec,
        string id,
        int restart
    )
    {
        var directory = Path.Combine(pod.Directory, container.Name);
        Directory.CreateDirectory(directory);
        File.Delete(TerminationFile(pod, container));
        RemoveOldLogs(directory, restart);
        var path = Path.Combine(directory, restart.ToString(CultureInfo.InvariantCulture) + ".log");

        // Open the log before the process: without a reader it would block, and nothing would stop it.
        var log = new ContainerLog(path, node.Time, message => node.Events.Warning(pod.Pod, "LogNotWritten", message), node.Runtime.Logs);
        try
        {
            var process = await node.Runtime.Launcher.StartAsync(spec);
            return new ContainerRun(node, pod, container, spec, id, new RunLog(path, log), process);
        }
        catch
        {
            log.Dispose();
            throw;
        }
    }

    /// <summary>The end of the program's output; empty when it cannot be read.</summary>
    public string LogTail()
    {
        try
        {
            return ContainerLog.Tail(_logPath);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _node.Logger.LogDebug(e, "Cannot read {Log}", _logPath);
            return "";
        }
    }

    // The log of the previous run is kept beside the current one, as a kubelet does.
    private static void RemoveOldLogs(string directory, int restart)
    {
        foreach (var file in Directory.EnumerateFiles(directory, "*.log*"))
        {
            var name = Path.GetFileName(file);
            if (
                int.TryParse(name.AsSpan(0, name.IndexOf('.', StringComparison.Ordinal)), CultureInfo.InvariantCulture, out var number)
                && number < restart - 1
            )
            {
                File.Delete(file);
            }
        }
    }

    /// <summary>The file for a termination message; the program gets the path in <c>TERMINATION_MESSAGE_PATH</c>.</summary>
    public static string TerminationFile(PodRun pod, Container container) => Path.Combine(pod.Directory, container.Name, "termination-log");

    /// <summary>Runs the postStart hook and the probes, reporting their results, until the process has ended; returns how it
    /// ended.</summary>
    public async Task<ContainerStateTerminated> WatchAsync(Action started, Action<bool> ready)
    {
        (_started, _ready) = (started, ready);
        using var ended = new CancellationTokenSource();
        var care = CareAsync(ended.Token);
        var code = await _process.Exited;
        await ended.CancelAsync();
        await care;
        await Task.WhenAny(_pumps, Task.Delay(LogDrain, _node.Time, CancellationToken.None));
        _log.Dispose();
        return new ContainerStateTerminated
        {
            ExitCode = code,
            Reason = code == 0 ? "Completed" : "Error",
            Message = TerminationMessage(code),
            StartedAt = StartedAt,
            FinishedAt = _node.Time.GetUtcNow(),
            ContainerID = _id,
        };
    }

    /// <summary>The preStop hook, SIGTERM, and SIGKILL when <paramref name="kill"/> is cancelled; returns when the process has
    /// ended.</summary>
    public async Task StopAsync(CancellationToken kill)
    {
        if (Interlocked.Exchange(ref _stopping, 1) == 0)
        {
            await PreStopAsync(kill);
            _process.Terminate();
        }

        await Task.WhenAny(_process.Exited, Task.Delay(Timeout.InfiniteTimeSpan, _node.Time, kill));
        if (!_process.Exited.IsCompleted)
        {
            // Even after a hook that used the whole grace period, the program gets a moment to handle SIGTERM, as with a kubelet.
            if (_container.Lifecycle?.PreStop is not null)
            {
                await Task.WhenAny(_process.Exited, Task.Delay(TermAtLeast, _node.Time, CancellationToken.None));
            }

            _process.Kill();
        }

        await _process.Exited;
    }

    Task<ProbeResult> ContainerProbes.IOwner.CheckAsync(Probe probe, TimeSpan timeout, CancellationToken cancellation) =>
        new Handlers(probe.Exec, probe.HttpGet, probe.TcpSocket, probe.Grpc).RunAsync(this, timeout, cancellation);

    void ContainerProbes.IOwner.Started() => _started();

    void ContainerProbes.IOwner.Ready(bool ready) => _ready(ready);

    void ContainerProbes.IOwner.Unhealthy(string kind, string message)
    {
        if (!Stopping)
        {
            _node.Events.Warning(_pod.Pod, "Unhealthy", $"{kind} probe failed: {message}");
        }
    }

    void ContainerProbes.IOwner.Kill(string kind, Probe probe)
    {
        _node.Events.Normal(_pod.Pod, "Killing", $"Container {_container.Name} failed {kind} probe, will be restarted");
        var grace = TimeSpan.FromSeconds(probe.TerminationGracePeriodSeconds ?? _pod.Pod.Spec!.TerminationGracePeriodSeconds ?? 30);
        BackgroundFailure.Watch(
            $"Ending container {_container.Name}",
            Task.Run(async () =>
            {
                using var kill = new CancellationTokenSource(grace, _node.Time);
                await StopAsync(kill.Token);
            })
        );
    }

    private async Task CareAsync(CancellationToken ended)
    {
        try
        {
            if (_container.Lifecycle?.PostStart is { } hook)
            {
                var result = await new Handlers(hook).RunAsync(this, HookTimeout, ended);
                if (!result.Success)
                {
                    _node.Events.Warning(_pod.Pod, "FailedPostStartHook", $"PostStartHook failed: {result.Message}");
                    _process.Kill();
                    return;
                }
            }
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            // The program ended before its hook did.
            return;
        }

        await new ContainerProbes(_container, this, _node.Time).RunAsync(ended);
    }

    private async Task PreStopAsync(CancellationToken kill)
    {
        if (_container.Lifecycle?.PreStop is not { } hook)
        {
            return;
        }

        using var over = CancellationTokenSource.CreateLinkedTokenSource(kill);
        try
        {
            // A program that exits by itself meanwhile needs no hook.
            var running = new Handlers(hook).RunAsync(this, Timeout.InfiniteTimeSpan, over.Token);
            await Task.WhenAny(running, _process.Exited);
            await over.CancelAsync();
            if (await running is { Success: false } failed && !_process.Exited.IsCompleted)
            {
                _node.Events.Warning(_pod.Pod, "FailedPreStopHook", $"PreStopHook failed: {failed.Message}");
            }
        }
        catch (OperationCanceledException)
        {
            // The grace period is over, or the program has ended: stop the hook.
            return;
        }
    }

    private string TerminationMessage(int code)
    {
        try
        {
            var path = _container.TerminationMessagePath;
            string[] files =
            [
                TerminationFile(_pod, _container),
                .. path.Length > 0 && _pod.Volumes.RealPath(_container, path) is { } real ? [real] : Array.Empty<string>(),
            ];
            foreach (var file in files.Where(File.Exists))
            {
                var bytes = File.ReadAllBytes(file);
                if (bytes.Length > 0)
                {
                    return System.Text.Encoding.UTF8.GetString(bytes, 0, Math.Min(bytes.Length, MessageBytes));
                }
            }

            return code != 0 && _container.TerminationMessagePolicy == "FallbackToLogsOnError" ? ContainerLog.Tail(_logPath) : "";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"Error on reading termination message: {e.Message}";
        }
    }

    private sealed record RunLog(string Path, ContainerLog Log);

    // The four handler types of a probe or hook; exactly one is set.
    private sealed record Handlers(ExecAction? Exec, HttpGetAction? Http, TcpSocketAction? Tcp, GrpcAction? Grpc, SleepAction? Sleep = null)
    {
        public Handlers(LifecycleHandler hook)
            : this(hook.Exec, hook.HttpGet, hook.TcpSocket, null, hook.Sleep) { }

        public async Task<ProbeResult> RunAsync(ContainerRun run, TimeSpan timeout, CancellationToken cancellation)
        {
            var prober = run._node.Runtime.Prober;
            try
            {
                switch (this)
                {
                    case { Exec: { } exec }:
                        return await Prober.ExecAsync(
                            run._node.Runtime.Launcher,
                            run._spec with
                            {
                                Command = exec.Command,
                            },
                            timeout,
                            cancellation
                        );
                    case { Http: { } http }:
                        return await prober.HttpAsync(
                            http,
                            await run.TargetAsync(http.Host, http.Port, cancellation),
                            timeout,
                            cancellation
                        );
                    case { Tcp: { } tcp }:
                        return await Prober.TcpAsync(await run.TargetAsync(tcp.Host, tcp.Port, cancellation), timeout, cancellation);
                    case { Grpc: { } grpc }:
                        return await prober.GrpcAsync(
                            grpc,
                            run._pod.Ports.Target(run._container.Name, grpc.Port ?? 0),
                            timeout,
                            cancellation
                        );
                    case { Sleep: { } sleep }:
                        await Task.Delay(TimeSpan.FromSeconds(sleep.Seconds), run._node.Time, cancellation);
                        return ProbeResult.Well;
                    default:
                        return ProbeResult.Failed("the probe has none of exec, httpGet, tcpSocket and grpc");
                }
            }
            catch (FormatException e)
            {
                return ProbeResult.Failed(e.Message);
            }
        }
    }

    private async Task<IPEndPoint> TargetAsync(string host, IntOrString? port, CancellationToken cancellation)
    {
        var number = port switch
        {
            { Text: { } name } => _container.Ports.FirstOrDefault(p => p.Name == name)?.Number
                ?? (
                    int.TryParse(name, CultureInfo.InvariantCulture, out var parsed)
                        ? parsed
                        : throw new FormatException($"the container has no port named \"{name}\"")
                ),
            { Int: var value } => value,
            null => throw new FormatException("the probe has no port"),
        };
        if (host is "" or "localhost" or "127.0.0.1")
        {
            return _pod.Ports.Target(_container.Name, number);
        }

        var addresses = IPAddress.TryParse(host, out var literal) ? [literal] : await Dns.GetHostAddressesAsync(host, cancellation);
        return new IPEndPoint(addresses[0], number);
    }
}
