using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;

namespace Serving.Host.Health;

/// <summary>
/// The health of a process from its first moment: it is live and reports what it waits for until its modules report themselves. A pod that
/// starts while the API server is unreachable is therefore not restarted.
/// </summary>
internal sealed class ProcessHealth : IProcessHealth
{
    private const string Process = "process";
    private const string Caches = "caches";

    private readonly SharedInformers _informers;
    private volatile string _waiting = "it is starting";
    private volatile bool _isStopping;
    private volatile ModuleHost? _modules;

    /// <param name="informers">The caches.</param>
    /// <param name="modules">The modules of the process.</param>
    public ProcessHealth(SharedInformers informers, IEnumerable<IServingModule> modules)
    {
        _informers = informers;
        Parts = [Process, Caches, .. modules.Select(module => module.Name)];
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Parts { get; }

    /// <inheritdoc/>
    public PartHealth? Readiness(string part) =>
        (part, _modules) switch
        {
            (Process, null) => new(Process, _waiting),
            (Process, _) => new(Process, _isStopping ? "it is stopping" : null),
            (_, null) => null,
            (Caches, _) => new(
                Caches,
                _informers.NotSynced is { Count: > 0 } missing ? $"not synced yet: {string.Join(", ", missing.Distinct())}" : null
            ),
            (_, var host) => new(part, host.NotReady.GetValueOrDefault(part), host.Remarks.GetValueOrDefault(part)),
        };

    /// <inheritdoc/>
    public PartHealth? Liveness(string part) =>
        (part, _modules) switch
        {
            (Process, null) => new(Process, null),
            (Process, _) or (_, null) => null,
            (Caches, _) => new(Caches, _informers.Stuck is { Count: > 0 } stuck ? string.Join("; ", stuck) : null),
            (_, var host) => new(part, host.Stuck.GetValueOrDefault(part)),
        };

    /// <summary>The modules that this process leads; empty until they run.</summary>
    public IReadOnlyList<string> Leading => _modules?.Leading ?? [];

    /// <summary>Reports what the start waits for.</summary>
    public void WaitsFor(string what) => _waiting = $"waiting for {what}";

    /// <summary>From now on the modules report their own health.</summary>
    public void Follow(ModuleHost host) => _modules = host;

    /// <summary>From now on the process is not ready.</summary>
    public void Stop() => _isStopping = true;
}
