namespace Serving.Kubernetes.Hosting;

/// <summary>
/// Holds a process's parts back until what they need is there, while its probes already report what it waits for: caches and other
/// background parts until it is known under which settings the process works, modules until the configuration is read. Either fails when
/// the start does.
/// </summary>
public sealed class StartGate
{
    private readonly TaskCompletionSource _settled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<ModuleHost> _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when background parts may run.</summary>
    public Task Settled => _settled.Task;

    /// <summary>Completes, with what runs them, when modules may run. Fails with what ended the start.</summary>
    public Task<ModuleHost> Opened => _opened.Task;

    /// <summary>Lets background parts run.</summary>
    public void Settle() => _settled.TrySetResult();

    /// <summary>Lets modules run, and background parts too.</summary>
    public void Open(ModuleHost host)
    {
        ArgumentNullException.ThrowIfNull(host);
        Settle();
        _opened.TrySetResult(host);
    }

    /// <summary>Ends the start: nothing that still waits will run.</summary>
    public void Fail(Exception reason)
    {
        ArgumentNullException.ThrowIfNull(reason);
        _opened.TrySetException(reason);
    }
}
