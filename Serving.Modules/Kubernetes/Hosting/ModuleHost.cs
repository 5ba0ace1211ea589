using Microsoft.Extensions.Logging;
using Serving.Api.Core;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Leadership;

namespace Serving.Kubernetes.Hosting;

/// <summary>
/// Runs modules: those for every replica at once, each leader's under a Lease of its own, those that can be divided in as many parts as it
/// is told. A module that fails is run again after a while and does not disturb the others. The generic host starts and stops them, each by
/// its
/// <see cref="ModuleService"/>.
/// </summary>
public sealed class ModuleHost
{
    /// <summary>How long leaders may take to let go: one that hangs must not keep the others from draining before the process is
    /// killed.</summary>
    private static readonly TimeSpan LeaderStopTimeout = TimeSpan.FromSeconds(30);

    private readonly IReadOnlyList<HostedUnit> _hosted;
    private readonly IReadOnlyList<IModuleUnit> _units;
    private readonly ModuleContext _context;
    private readonly ModuleHostOptions _options;

    /// <param name="modules">What to run.</param>
    /// <param name="client">What modules write with.</param>
    /// <param name="leaseClient">What Leases are renewed with.</param>
    /// <param name="options">Election and timeout.</param>
    /// <param name="loggers">Where failures are said.</param>
    /// <param name="time">The clock of Leases and back-off.</param>
    /// <param name="leases">Tells of changes to Leases, so that a released one is taken over at once; null to only look every retry
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

    /// <summary>What is run.</summary>
    public IReadOnlyList<IServingModule> Modules { get; }

    /// <summary>Why which modules are not ready, by name; empty when the process may get traffic. A candidate that does not lead is
    /// ready.</summary>
    public IReadOnlyDictionary<string, string> NotReady => Reasons(unit => unit.NotReadyReason);

    /// <summary>What is wrong with which modules though the process may get traffic, by name: leaders that failed and will be run
    /// again.</summary>
    public IReadOnlyDictionary<string, string> Remarks => Reasons(unit => unit.Remark);

    /// <summary>Why which modules are stuck, by name; empty while every loop turns.</summary>
    public IReadOnlyDictionary<string, string> Stuck => Reasons(unit => unit.StuckReason);

    /// <summary>The names of the Leader modules that work in this process now, or a part of which does.</summary>
    public IReadOnlyList<string> Leading => [.. _units.Where(unit => unit.Leads).Select(unit => unit.Module.Name)];

    /// <summary>Takes over other times of Leases; nothing happens to a process that runs without Leases.</summary>
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

    /// <summary>Divides the modules that can be into another number of parts, 1 to <see cref="Shard.MostShards"/>; nothing happens to a
    /// process that runs without Leases.</summary>
    public void ChangeShards(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Shard.MostShards);
        foreach (var unit in _units.OfType<ShardedUnit>())
        {
            unit.ChangeCount(count);
        }
    }

    /// <summary>Runs a module until it is stopped; nothing happens when it runs, or was stopped, before.</summary>
    public void Start(IServingModule module) => Find(module).Start();

    /// <summary>
    /// Before modules stop: clients are asked to go elsewhere, leaders stop at once and all together, so that others may lead, and the
    /// others serve on for the drain delay.
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

    /// <summary>Stops a module; returns when it has stopped, or its time is up. It cannot be started again.</summary>
    /// <param name="module">Which one.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public Task StopAsync(IServingModule module, CancellationToken cancellation) =>
        Find(module).StopAsync(_options.StopTimeout, cancellation);

    private HostedUnit Find(IServingModule module) =>
        _hosted.FirstOrDefault(unit => ReferenceEquals(unit.Module, module))
        ?? throw new ArgumentException($"module {module.Name} is not of this host", nameof(module));

    /// <summary>Lets the modules serve for a while, or until nothing leads here any more.</summary>
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
