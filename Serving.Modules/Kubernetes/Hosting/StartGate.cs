namespace Serving.Kubernetes.Hosting;

/// <summary>
/// Delays the parts of a process until their prerequisites are met, while its probes already report what it waits for: background parts
/// such as caches until the settings are known, modules until the configuration is loaded. Both fail when the start fails.
/// </summary>
public sealed class StartGate
{
    private readonly TaskCompletionSource _settled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<ModuleHost> _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when background parts may run.</summary>
    public Task Settled => _settled.Task;

    /// <summary>Completes, with the module host, when modules may run. Fails with the cause of a failed start.</summary>
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

    /// <summary>Fails the start: parts that still wait will not run.</summary>
    public void Fail(Exception reason)
    {
        ArgumentNullException.ThrowIfNull(reason);
        _opened.TrySetException(reason);
    }
}
