using Microsoft.Extensions.Logging;
using Serving.Api.Core;

namespace Serving.Kubernetes;

/// <summary>
/// Runs modules: those for every replica at once, each leader's under a Lease of its own, those that can be divided in as many parts as it is
/// told. A module that fails is run again after a while and does not disturb the others.
/// </summary>
public sealed class ModuleHost
{
    /// <summary>How long leaders may take to let go: one that hangs must not keep the others from draining before the process is killed.</summary>
    private static readonly TimeSpan LeaderPatience = TimeSpan.FromSeconds(30);

    private readonly IReadOnlyList<IModuleUnit> _units;
    private readonly ModuleSurroundings _around;
    private readonly ModuleHostOptions _options;

    /// <param name="modules">What to run; leaders are stopped first, then the others in the reverse order, so that what others need comes first.</param>
    /// <param name="client">What modules write with.</param>
    /// <param name="leaseClient">What Leases are renewed with.</param>
    /// <param name="options">Election and patience.</param>
    /// <param name="loggers">Where failures are said.</param>
    /// <param name="time">The clock of Leases and back-off.</param>
    /// <param name="leases">Tells of changes to Leases, so that a released one is taken over at once; null to only look every retry period.</param>
    public ModuleHost(
        IReadOnlyList<IServingModule> modules, IKubernetesClient client, IKubernetesClient leaseClient, ModuleHostOptions options, ILoggerFactory loggers,
        TimeProvider? time = null, IInformer<Lease>? leases = null)
    {
        ArgumentNullException.ThrowIfNull(modules);
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(leaseClient);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(loggers);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Shards, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.Shards, Shard.MostShards);
        _options = options;
        _around = new ModuleSurroundings(client, leaseClient, leases, options, loggers.CreateLogger<ModuleHost>(), time ?? TimeProvider.System);
        _units = [.. modules.Select(UnitOf)];
    }

    /// <summary>Why which modules are not ready, by name; empty when the process may get traffic. A candidate that does not lead is ready.</summary>
    public IReadOnlyDictionary<string, string> NotReady => Reasons(unit => unit.NotReadyReason);

    /// <summary>What is wrong with which modules though the process may get traffic, by name: leaders that failed and will be run again.</summary>
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

    /// <summary>Divides the modules that can be into another number of parts, 1 to <see cref="Shard.MostShards"/>; nothing happens to a process that runs without Leases.</summary>
    public void ChangeShards(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Shard.MostShards);
        foreach (var unit in _units.OfType<ShardedUnit>())
        {
            unit.ChangeCount(count);
        }
    }

    /// <summary>
    /// Runs every module until cancelled; returns when all have stopped, or their time was up: leaders at once, so that others may lead; the
    /// others after the drain delay, one after the other, the last of the list first.
    /// </summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        var running = _units.Select(unit => new RunningUnit(unit, _around)).ToList();
        try
        {
            var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await using (cancellation.Register(() => told.TrySetResult()).ConfigureAwait(false))
            {
                await told.Task.ConfigureAwait(false);
            }

            var since = _around.Time.GetTimestamp();
            foreach (var unit in _units)
            {
                unit.Module.BeginDrain();
            }

            var leaders = running.Where(unit => unit.IsLeader).ToList();
            var patience = _options.StopTimeout < LeaderPatience ? _options.StopTimeout : LeaderPatience;
            await Task.WhenAll(leaders.Select(unit => unit.StopAsync(patience))).ConfigureAwait(false);
            if (_options.DrainDelay - _around.Time.GetElapsedTime(since) is var left && left > TimeSpan.Zero)
            {
                await ServeOnAsync(left).ConfigureAwait(false);
            }

            foreach (var unit in running.Except(leaders).Reverse())
            {
                await unit.StopAsync(_options.StopTimeout).ConfigureAwait(false);
            }
        }
        finally
        {
            running.ForEach(static unit => unit.Dispose());
        }
    }

    /// <summary>Lets the modules serve for a while, or until nothing leads here any more.</summary>
    private async Task ServeOnAsync(TimeSpan delay)
    {
        var step = TimeSpan.FromMilliseconds(500);
        for (var left = delay; left > TimeSpan.Zero && _options.IsCutOff?.Invoke() != true; left -= step)
        {
            await Task.Delay(left < step ? left : step, _around.Time, CancellationToken.None).ConfigureAwait(false);
        }
    }

    private Dictionary<string, string> Reasons(Func<IModuleUnit, string?> reason)
        => _units.Select(unit => (unit.Module.Name, Reason: reason(unit))).Where(entry => entry.Reason is not null).ToDictionary(entry => entry.Name, entry => entry.Reason!);

    private IModuleUnit UnitOf(IServingModule module) => (module, _options.Election) switch
    {
        ({ Activation: Activation.Leader } and IShardedModule divided, { } election) => new ShardedUnit(divided, election, _around),
        ({ Activation: Activation.Leader }, { } election) => new ModuleUnit(
            module, new LeaderElector(_around.LeaseClient, _options.LeaseNames(module.Name, Shard.Whole), election, _around.Logger, _around.Time), _around),
        _ => new ModuleUnit(module, null, _around),
    };

    /// <summary>A unit at work, and how it is told to stop.</summary>
    private sealed class RunningUnit : IDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly ModuleSurroundings _around;
        private readonly string _name;
        private readonly Task _work;

        public RunningUnit(IModuleUnit unit, ModuleSurroundings around)
        {
            _around = around;
            _name = unit.Module.Name;
            IsLeader = unit.Module.Activation == Activation.Leader;
            var token = _stop.Token;
            _work = Task.Run(
                () => Restarts.KeepRunningAsync(_name, $"The host of {_name}", () => unit.RunAsync(token), static _ => { }, around, token), CancellationToken.None);
        }

        public bool IsLeader { get; }

        public async Task StopAsync(TimeSpan within)
        {
            await _stop.CancelAsync().ConfigureAwait(false);
            try
            {
                await _work.WaitAsync(within, _around.Time, CancellationToken.None).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                _around.Logger.LogWarning("Module {Module} did not stop within {Timeout}", _name, within);
            }
        }

        public void Dispose() => _stop.Dispose();
    }
}
