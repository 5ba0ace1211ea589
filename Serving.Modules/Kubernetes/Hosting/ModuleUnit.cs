using Microsoft.Extensions.Logging;
using Serving.Api.Core;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Leadership;

namespace Serving.Kubernetes.Hosting;

/// <summary>What a <see cref="ModuleHost"/> runs: a module, or a sharded one.</summary>
internal interface IModuleUnit
{
    /// <summary>The module.</summary>
    IServingModule Module { get; }

    /// <summary>Whether this process holds its Leases and it works, at least for one shard.</summary>
    bool Leads { get; }

    /// <summary>Why it may not receive traffic; null when it may, as may a candidate that does not lead.</summary>
    string? NotReadyReason { get; }

    /// <summary>A note that does not affect readiness; null for none.</summary>
    string? Remark { get; }

    /// <summary>Why it is stuck; null while its loops make progress.</summary>
    string? StuckReason { get; }

    /// <summary>Changes the times of Leases.</summary>
    void ChangeTimes(LeaderElectionOptions times);

    /// <summary>Runs until cancelled; never throws because of the module.</summary>
    Task RunAsync(CancellationToken stop);
}

/// <summary>Dependencies shared by all units of a process.</summary>
/// <param name="Client">The client that modules write with.</param>
/// <param name="LeaseClient">The client that renews Leases.</param>
/// <param name="Leases">Delivers changes of Leases; null to check only every retry period.</param>
/// <param name="Options">Election and timeouts.</param>
/// <param name="Logger">Logs failures and terms.</param>
/// <param name="Time">The clock.</param>
internal sealed record ModuleContext(
    IKubernetesClient Client,
    IKubernetesClient LeaseClient,
    IInformer<Lease>? Leases,
    ModuleHostOptions Options,
    ILogger Logger,
    TimeProvider Time
);

/// <summary>One module and its state: it is restarted after a delay when it fails, and a leader works only while it holds its
/// Leases.</summary>
internal sealed class ModuleUnit : IModuleUnit
{
    private readonly ModuleContext _context;
    private readonly Heartbeat _stopping;
    private volatile string? _failure;
    private volatile bool _running;

    /// <param name="module">The module.</param>
    /// <param name="elector">Competes for its Leases; null for a module without Leases.</param>
    /// <param name="context">Dependencies shared by all units.</param>
    public ModuleUnit(IServingModule module, LeaderElector? elector, ModuleContext context)
    {
        Module = module;
        Elector = elector;
        _context = context;
        _stopping = new Heartbeat("the end of its term", context.Options.StopTimeout, context.Time);
    }

    /// <inheritdoc/>
    public IServingModule Module { get; }

    /// <summary>Competes for the Leases; null for a module without Leases.</summary>
    public LeaderElector? Elector { get; }

    /// <inheritdoc/>
    public bool Leads => IsLeader && _running;

    private bool IsLeader => Module.Activation == Activation.Leader;

    /// <summary>A failed leader does not affect readiness: gateway and activator of this process keep serving, and removing the process
    /// from the endpoints would not get its work done.</summary>
    public string? NotReadyReason =>
        _failure is { } failure ? (IsLeader ? null : $"failed: {failure}")
        : _running ? Module.NotReadyReason
        : Elector is null ? "not running"
        : null;

    /// <inheritdoc/>
    public string? Remark => IsLeader && _failure is { } failure ? $"failed: {failure}" : null;

    /// <summary>Null while its loops make progress. Work that does not end after its term keeps this process from ever leading
    /// again.</summary>
    public string? StuckReason => _running ? Module.StuckReason ?? Elector?.StuckReason ?? _stopping.StuckReason : Elector?.StuckReason;

    /// <inheritdoc/>
    public void ChangeTimes(LeaderElectionOptions times) => Elector?.ChangeTimes(times);

    /// <inheritdoc/>
    public Task RunAsync(CancellationToken stop) =>
        Elector is null
            ? WorkAsync(_context.Client, stop)
            : Restarts.KeepRunningAsync(
                Module.Name,
                $"The candidacy of {Module.Name}",
                () => CompeteAsync(Elector, stop),
                Fail,
                _context,
                stop
            );

    private Task CompeteAsync(LeaderElector elector, CancellationToken stop)
    {
        _failure = null;
        return elector.RunAsync(
            (term, token) => WorkAsync(new FencedKubernetesClient(_context.Client, term), token),
            _context.Leases,
            stop
        );
    }

    private async Task WorkAsync(IKubernetesClient client, CancellationToken stop)
    {
        await using var told = stop.Register(OnStop);
        await Restarts.KeepRunningAsync(Module.Name, $"Module {Module.Name}", () => RunOnceAsync(client, stop), Fail, _context, stop);
        _stopping.Idle();
        _failure = null;
        _running = false;
    }

    private Task RunOnceAsync(IKubernetesClient client, CancellationToken stop)
    {
        _failure = null;
        _running = true;
        return Module.RunAsync(client, stop);
    }

    private void Fail(string failure)
    {
        _failure = failure;
        _running = false;
    }

    private void OnStop()
    {
        if (IsLeader)
        {
            _stopping.Beat();
        }
    }
}
