namespace Serving.Host.Health;

/// <summary>
/// What probes are told from the first moment of a process on: that it lives and what it waits for, until its modules can speak for
/// themselves. So a pod that starts while the API server is away is waited for, not restarted.
/// </summary>
internal sealed class ProcessHealth : IProcessHealth
{
    private volatile string waiting = "it is starting";
    private volatile IProcessHealth? modules;

    /// <inheritdoc/>
    public IReadOnlyList<HealthCheck> Readiness => modules?.Readiness ?? [new("process", waiting)];

    /// <inheritdoc/>
    public IReadOnlyList<HealthCheck> Liveness => modules?.Liveness ?? [new("process", null)];

    /// <summary>Says what the start waits for.</summary>
    public void WaitsFor(string what) => waiting = $"waiting for {what}";

    /// <summary>From now on the modules answer.</summary>
    public void Follow(IProcessHealth running) => modules = running;
}
