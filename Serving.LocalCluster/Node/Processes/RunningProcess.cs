using System.Diagnostics;

namespace Serving.LocalCluster.Node.Processes;

/// <summary>A process in a session of its own. Its group is killed when its first process ends, so nothing outlives it.</summary>
internal sealed class RunningProcess
{
    private readonly Process _process;
    private readonly ProcessWatchdog _watchdog;
    private readonly TaskCompletionSource<int> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public RunningProcess(Process process, ProcessWatchdog watchdog)
    {
        _process = process;
        _watchdog = watchdog;
        process.Exited += (_, _) => Ended();
    }

    /// <summary>The id of the process, of its group and of its session.</summary>
    public int Id { get; private set; }

    /// <summary>Completes with the exit code; 128 and the signal's number for a process that a signal ended.</summary>
    public Task<int> Exited => _exited.Task;

    /// <summary>What it writes. Read as streams: the readers of <see cref="Process"/> wait for grandchildren that hold the pipe.</summary>
    public Stream Output => _process.StandardOutput.BaseStream;

    /// <summary>What it writes to the error stream.</summary>
    public Stream Error => _process.StandardError.BaseStream;

    /// <summary>Asks it to end: SIGTERM to the group.</summary>
    public void Terminate() => Signal(Native.SigTerm);

    /// <summary>Ends it: SIGKILL to the group.</summary>
    public void Kill() => Signal(Native.SigKill);

    /// <summary>Called once, right after the start.</summary>
    internal void Started()
    {
        Id = _process.Id;
        _watchdog.Add(Id);

        // A program that waits for input must find its end, not the node's terminal.
        _process.StandardInput.Close();
        if (_process.HasExited)
        {
            Ended();
        }
    }

    private void Signal(int signal)
    {
        if (!_exited.Task.IsCompleted)
        {
            Native.SignalGroup(Id, signal);
        }
    }

    private void Ended()
    {
        // The event may come before Start has returned; Started looks again.
        if (Id == 0)
        {
            return;
        }

        if (_exited.TrySetResult(_process.ExitCode))
        {
            Native.SignalGroup(Id, Native.SigKill);
            _watchdog.Remove(Id);
        }
    }
}
