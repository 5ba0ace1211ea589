using System.Diagnostics;

namespace Serving.LocalCluster.Node.Processes;

/// <summary>A process in its own session. Its group is killed when its first process ends, so no child outlives it.</summary>
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

    /// <summary>Completes with the exit code; 128 plus the signal number for a process that was ended by a signal.</summary>
    public Task<int> Exited => _exited.Task;

    /// <summary>Standard output. A stream, because the readers of <see cref="Process"/> wait for grandchildren that hold the
    /// pipe.</summary>
    public Stream Output => _process.StandardOutput.BaseStream;

    /// <summary>Standard error.</summary>
    public Stream Error => _process.StandardError.BaseStream;

    /// <summary>Sends SIGTERM to the group.</summary>
    public void Terminate() => Signal(Native.SigTerm);

    /// <summary>Sends SIGKILL to the group.</summary>
    public void Kill() => Signal(Native.SigKill);

    /// <summary>Called once, right after the start.</summary>
    internal void Started()
    {
        Id = _process.Id;
        _watchdog.Add(Id);

        // A program that reads input gets the end of file, not the node's terminal.
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
        // The event may be raised before Start has returned; Started checks again.
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
