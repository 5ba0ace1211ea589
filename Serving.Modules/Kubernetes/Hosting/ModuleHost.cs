using Microsoft.Extensions.Logging;
using Serving.Api.Core;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Leadership;

namespace Serving.Kubernetes.Hosting;

/// <summary>
/// Runs modules: Always modules at once, each Leader module under its own Lease, and sharded modules in a configurable number of shards. A
/// failed module is restarted after a delay and does not affect the others. The generic host starts and stops them, each through its
/// <see cref="ModuleService"/>.
/// </summary>
public sealed class ModuleHost
{
    /// <summary>How long leaders may take to stop: one that hangs must not keep the others from draining before the process is
    /// killed.</summary>
    private static readonly TimeSpan LeaderStopTimeout = TimeSpan.FromSeconds(30);

    private readonly IReadOnlyList<HostedUnit> _hosted;
    private readonly IReadOnlyList<IModuleUnit> _units;
    private readonly ModuleContext _context;
    private readonly ModuleHostOptions _options;

    /// <param name="modules">The modules.</param>
    /// <param name="client">The client that modules write with.</param>
    /// <param name="leaseClient">The client that renews Leases.</param>
    /// <param name="options">Election and timeouts.</param>
    /// <param name="loggers">Creates the loggers.</param>
    /// <param name="time">The clock of Leases and back-off.</param>
    /// <param name="leases">Delivers changes of Leases, so that a released Lease is acquired at once; null to check only every retry
    /// period.</param>
    public ModuleHost(
        IReadOnlyList<IServingModule> modules,
        IKubernetesClient client,
        IKubernetesClient leaseClient,
        ModuleHostOptions options,
        ILoggerFactory loggers,
        TimeProvider? time = null,
        IInformer<Lease>? leases = null
    )
    {
        ArgumentNullException.ThrowIfNull(modules);
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(leaseClient);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(loggers);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Shards, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.Shards, Shard.MostShards);
        _options = options;
        _context = new ModuleContext(client, leaseClient, leases, options, loggers.CreateLogger<ModuleHost>(), time ?? TimeProvider.System);
        Modules = modules;
        _units = [.. modules.Select(UnitOf)];
        _hosted = [.. _units.Select(unit => new HostedUnit(unit, _context))];
    }

    /// <summary>The modules.</summary>
    public IReadOnlyList<IServingModule> Modules { get; }

    /// <summary>The modules that are not ready, with the reason; empty when the process may receive traffic. A candidate that does not lead
    /// is ready.</summary>
    public IReadOnlyDictionary<string, string> NotReady => Reasons(unit => unit.NotReadyReason);

    /// <summary>Notes on modules that do not affect readiness, by name: failed leaders that will be restarted.</summary>
    public IReadOnlyDictionary<string, string> Remarks => Reasons(unit => unit.Remark);

    /// <summary>The modules that are stuck, with the reason; empty while every loop makes progress.</summary>
    public IReadOnlyDictionary<string, string> Stuck => Reasons(unit => unit.StuckReason);

    /// <summary>The names of the Leader modules that this process leads, at least for one shard.</summary>
    public IReadOnlyList<string> Leading => [.. _units.Where(unit => unit.Leads).Select(unit => unit.Module.Name)];

    /// <summary>Changes the times of Leases; does nothing in a process without Leases.</summary>
    public void ChangeElectionTimes(TimeSpan leaseDuration, TimeSpan renewDeadline, TimeSpan retryPeriod)
    {
        if (_options.Election is not { } election)
        {
            return;
        }

        var times = election with { LeaseDuration = leaseDuration, RenewDeadline = renewDeadline, RetryPeriod = retryPeriod };
        foreach (var unit in _units)
        {
            unit.ChangeTimes(times);
        }
    }

    /// <summary>Changes the number of shards, 1 to <see cref="Shard.MostShards"/>; does nothing in a process without Leases.</summary>
    public void ChangeShards(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Shard.MostShards);
        foreach (var unit in _units.OfType<ShardedUnit>())
        {
            unit.ChangeCount(count);
        }
    }

    /// <summary>Runs a module until it is stopped; does nothing when it has been started or stopped before.</summary>
    public void Start(IServingModule module) => Find(module).Start();

    /// <summary>
    /// Runs before modules stop: clients are asked to reconnect elsewhere, all leaders stop at once, so that other replicas can lead, and
    /// the other modules keep serving for the drain delay.
    /// </summary>
    /// <param name="cancellation">Ends the wait.</param>
    public async Task DrainAsync(CancellationToken cancellation)
    {
        var since = _context.Time.GetTimestamp();
        foreach (var unit in _units)
        {
            unit.Module.BeginDrain();
        }

        var timeout = _options.StopTimeout < LeaderStopTimeout ? _options.StopTimeout : LeaderStopTimeout;
        await Task.WhenAll(_hosted.Where(unit => unit.IsLeader).Select(unit => unit.StopAsync(timeout, cancellation)));
        if (_options.DrainDelay - _context.Time.GetElapsedTime(since) is var left && left > TimeSpan.Zero)
        {
            await ServeOnAsync(left, cancellation);
        }
    }

    /// <summary>Stops a module; returns when it has stopped or the timeout has passed. It cannot be started again.</summary>
    /// <param name="module">The module.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public Task StopAsync(IServingModule module, CancellationToken cancellation) =>
        Find(module).StopAsync(_options.StopTimeout, cancellation);

    private HostedUnit Find(IServingModule module) =>
        _hosted.FirstOrDefault(unit => ReferenceEquals(unit.Module, module))
        ?? throw new ArgumentException($"module {module.Name} does not belong to this host", nameof(module));

    /// <summary>Keeps the modules serving for the delay, or until no Service routes to this process any more.</summary>
    private async Task ServeOnAsync(TimeSpan delay, CancellationToken cancellation)
    {
        var step = TimeSpan.FromMilliseconds(500);
        for (
            var left = delay;
            left > TimeSpan.Zero && !cancellation.IsCancellationRequested && _options.IsCutOff?.Invoke() != true;
            left -= step
        )
        {
            await Task.Delay(left < step ? left : step, _context.Time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private Dictionary<string, string> Reasons(Func<IModuleUnit, string?> reason) =>
        _units
            .Select(unit => (unit.Module.Name, Reason: reason(unit)))
            .Where(entry => entry.Reason is not null)
            .ToDictionary(entry => entry.Name, entry => entry.Reason!);

    private IModuleUnit UnitOf(IServingModule module) =>
        (module, _options.Election) switch
        {
            ({ Activation: Activation.Leader } and IShardedModule divided, { } election) => new ShardedUnit(divided, election, _context),
            ({ Activation: Activation.Leader }, { } election) => new ModuleUnit(
                module,
                new LeaderElector(
                    _context.LeaseClient,
                    _options.LeaseNames(module.Name, Shard.Whole),
                    election,
                    _context.Logger,
                    _context.Time
                ),
                _context
            ),
            _ => new ModuleUnit(module, null, _context),
        };
}
