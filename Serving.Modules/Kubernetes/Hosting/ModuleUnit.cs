using Microsoft.Extensions.Logging;
using Serving.Api.Core;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Leadership;

namespace Serving.Kubernetes.Hosting;

/// <summary>What a <see cref="ModuleHost"/> runs: a module, or one that is divided.</summary>
internal interface IModuleUnit
{
    /// <summary>The module.</summary>
    IServingModule Module { get; }

    /// <summary>Whether it works here under a Lease, or a part of it does.</summary>
    bool Leads { get; }

    /// <summary>Null while it may get traffic; a candidate that does not lead may.</summary>
    string? NotReadyReason { get; }

    /// <summary>What is wrong with it though the process may get traffic; null when nothing is.</summary>
    string? Remark { get; }

    /// <summary>Null while its loops turn.</summary>
    string? StuckReason { get; }

    /// <summary>Takes over other times of Leases.</summary>
    void ChangeTimes(LeaderElectionOptions times);

    /// <summary>Runs until cancelled; never throws because of the module.</summary>
    Task RunAsync(CancellationToken stop);
}

/// <summary>What units need of their process.</summary>
/// <param name="Client">What modules write with.</param>
/// <param name="LeaseClient">What Leases are held with.</param>
/// <param name="Leases">Tells of changes to Leases; null to only look every retry period.</param>
/// <param name="Options">Election and time-outs.</param>
/// <param name="Logger">Where failures and terms are said.</param>
/// <param name="Time">The clock.</param>
internal sealed record ModuleContext(
    IKubernetesClient Client,
    IKubernetesClient LeaseClient,
    IInformer<Lease>? Leases,
    ModuleHostOptions Options,
    ILogger Logger,
    TimeProvider Time
);

/// <summary>One module and how it fares: it is run again after a while when it fails, and a leader works only under its Leases.</summary>
internal sealed class ModuleUnit : IModuleUnit
{
    private readonly ModuleContext _context;
    private readonly Heartbeat _stopping;
    private volatile string? _failure;
    private volatile bool _running;

    /// <param name="module">What to run.</param>
    /// <param name="elector">Holds its Leases; null for one that needs none.</param>
    /// <param name="context">The process.</param>
    public ModuleUnit(IServingModule module, LeaderElector? elector, ModuleContext context)
    {
        Module = module;
        Elector = elector;
        _context = context;
        _stopping = new Heartbeat("the end of its term", context.Options.StopTimeout, context.Time);
    }

    /// <inheritdoc/>
    public IServingModule Module { get; }

    /// <summary>Holds the Leases; null for a module that needs none.</summary>
    public LeaderElector? Elector { get; }

    /// <inheritdoc/>
    public bool Leads => IsLeader && _running;

    private bool IsLeader => Module.Activation == Activation.Leader;

    /// <summary>A leader that failed concerns no traffic: gateway and activator of its process serve on, and those of others would not do
    /// its work.</summary>
    public string? NotReadyReason =>
        _failure is { } failure ? (IsLeader ? null : $"failed: {failure}")
        : _running ? Module.NotReadyReason
        : Elector is null ? "not running"
        : null;

    /// <inheritdoc/>
    public string? Remark => IsLeader && _failure is { } failure ? $"failed: {failure}" : null;

    /// <summary>Null while its loops turn. A leader whose term is over and whose work does not end keeps this process from ever leading
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
                $"The candidature of {Module.Name}",
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
