using System.Collections.Concurrent;
using System.Diagnostics;

namespace Serving.LocalCluster.Node.Processes;

/// <summary>
/// Starts every container from one thread that ends only with this process: the kernel sends the parent-death signal
/// when the <em>thread</em> ends that forked, so a pool thread that ends would kill its containers.
/// </summary>
internal sealed class ProcessLauncher : IDisposable
{
    private readonly BlockingCollection<Action> _work = [];
    private readonly ProcessWatchdog _watchdog = new();

    public ProcessLauncher()
    {
        var thread = new Thread(Run) { IsBackground = true, Name = "container launcher" };
        thread.Start();
    }

    /// <summary>
    /// Starts a process. Throws with the reason when it cannot be started.
    /// </summary>
    public Task<RunningProcess> StartAsync(ProcessSpec spec)
    {
        // Continuations must not run on the launcher's thread: it would block all other starts.
        var started = new TaskCompletionSource<RunningProcess>(TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Add(() =>
        {
            try
            {
                started.SetResult(Start(spec));
            }
            catch (Exception e)
            {
                started.SetException(e);
            }
        });
        return started.Task;
    }

    /// <summary>Kills the remaining processes. The thread is not stopped: that would be a second, uncontrolled kill.</summary>
    public void Dispose() => _watchdog.Dispose();

    private void Run()
    {
        foreach (var action in _work.GetConsumingEnumerable())
        {
            action();
        }
    }

    private RunningProcess Start(ProcessSpec spec)
    {
        if (FindProgram(spec.Command[0], spec.Environment.GetValueOrDefault("PATH")) is not { } program)
        {
            throw new FileNotFoundException($"exec: \"{spec.Command[0]}\": executable file not found in $PATH");
        }

        var start = new ProcessStartInfo("setpriv", (spec with { Command = [program, .. spec.Command.Skip(1)] }).Arguments())
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = spec.WorkingDirectory,
        };
        start.Environment.Clear();
        foreach (var (name, value) in spec.Environment)
        {
            start.Environment[name] = value;
        }

        var process = new Process { StartInfo = start, EnableRaisingEvents = true };
        var running = new RunningProcess(process, _watchdog);
        process.Start();
        running.Started();
        return running;
    }

    /// <summary>The path of a program, looked up in <paramref name="path"/> when it is a bare name; null when there is no such
    /// executable.</summary>
    public static string? FindProgram(string name, string? path)
    {
        if (name.Contains('/', StringComparison.Ordinal))
        {
            return IsExecutable(name) ? Path.GetFullPath(name) : null;
        }

        return (path ?? "")
            .Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Select(directory => Path.Combine(directory, name))
            .FirstOrDefault(IsExecutable);
    }

    private static bool IsExecutable(string path) => File.Exists(path) && Native.MayExecute(path);
}
