using Microsoft.Extensions.Logging;
using Serving.Api.Core;

namespace Serving.Kubernetes;

/// <summary>
/// Runs modules: those for every replica at once, each leader's under a Lease of its own. A module that fails is run
/// again after a while and does not disturb the others.
/// </summary>
public sealed class ModuleHost
{
    private readonly IReadOnlyList<Unit> _units;
    private readonly IKubernetesClient _client;
    private readonly IKubernetesClient _leaseClient;
    private readonly IInformer<Lease>? _leases;
    private readonly ModuleHostOptions _options;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;

    /// <param name="modules">What to run; stopped in the reverse order, so that what others need comes first.</param>
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
        _client = client;
        _leaseClient = leaseClient;
        _leases = leases;
        _options = options;
        _logger = loggers.CreateLogger<ModuleHost>();
        _time = time ?? TimeProvider.System;
        _units = [.. modules.Select(module => new Unit(module, ElectorOf(module), _options.StopTimeout, _time))];
    }

    /// <summary>Why which modules are not ready, by name; empty when the process may get traffic. A candidate that does not lead is ready.</summary>
    public IReadOnlyDictionary<string, string> NotReady
    {
        get
        {
            var reasons = new Dictionary<string, string>();
            foreach (var unit in _units)
            {
                if (unit.NotReadyReason is { } reason)
                {
                    reasons[unit.Module.Name] = reason;
                }
            }

            return reasons;
        }
    }

    /// <summary>Why which modules are stuck, by name; empty while every loop turns.</summary>
    public IReadOnlyDictionary<string, string> Stuck
        => _units.Select(unit => (unit.Module.Name, Reason: unit.StuckReason)).Where(entry => entry.Reason is not null).ToDictionary(entry => entry.Name, entry => entry.Reason!);

    /// <summary>The names of the Leader modules that work in this process now.</summary>
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
            unit.Elector?.ChangeTimes(times);
        }
    }

    /// <summary>Runs every module until cancelled; returns when all have stopped, in order, or their time was up.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        var stops = _units.Select(_ => new CancellationTokenSource()).ToArray();
        try
        {
            var running = _units.Select((unit, i) => Task.Run(() => RunAsync(unit, stops[i].Token), CancellationToken.None)).ToArray();
            var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await using (cancellation.Register(() => told.TrySetResult()).ConfigureAwait(false))
            {
                await told.Task.ConfigureAwait(false);
            }

            foreach (var unit in _units)
            {
                unit.Module.BeginDrain();
            }

            var delay = _options.DrainDelay;
            for (var i = _units.Count - 1; i >= 0; i--)
            {
                if (_units[i].Module.Activation == Activation.Always)
                {
                    await Task.Delay(delay, _time, CancellationToken.None).ConfigureAwait(false);
                    delay = TimeSpan.Zero;
                }

                await stops[i].CancelAsync().ConfigureAwait(false);
                try
                {
                    await running[i].WaitAsync(_options.StopTimeout, _time, CancellationToken.None).ConfigureAwait(false);
                }
                catch (TimeoutException)
                {
                    _logger.LogWarning("Module {Module} did not stop within {Timeout}", _units[i].Module.Name, _options.StopTimeout);
                }
            }
        }
        finally
        {
            foreach (var stop in stops)
            {
                stop.Dispose();
            }
        }
    }

    private LeaderElector? ElectorOf(IServingModule module)
        => module.Activation == Activation.Leader && _options.Election is { } election
            ? new LeaderElector(_leaseClient, _options.LeaseNames(module.Name), election, _logger, _time)
            : null;

    private Task RunAsync(Unit unit, CancellationToken stop)
        => unit.Elector is null
            ? KeepRunningAsync(unit, _client, stop)
            : unit.Elector.RunAsync((term, token) => KeepRunningAsync(unit, new FencedKubernetesClient(_client, term), token), _leases, stop);

    private async Task KeepRunningAsync(Unit unit, IKubernetesClient client, CancellationToken stop)
    {
        await using var told = stop.Register(unit.ToldToStop).ConfigureAwait(false);
        var delay = _options.FirstRestart;
        while (!stop.IsCancellationRequested)
        {
            var started = _time.GetTimestamp();
            try
            {
                unit.Begin();
                await unit.Module.RunAsync(client, stop).ConfigureAwait(false);
                if (stop.IsCancellationRequested)
                {
                    break;
                }

                unit.Fail("it ended by itself");
                _logger.LogError("Module {Module} ended by itself; it runs again in {Delay}", unit.Module.Name, delay);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                break;
            }
            catch (Exception error)
            {
                unit.Fail(error.Message);
                _logger.LogError(error, "Module {Module} failed; it runs again in {Delay}", unit.Module.Name, delay);
            }

            if (_time.GetElapsedTime(started) > _options.LongestRestart)
            {
                delay = _options.FirstRestart;
            }

            try
            {
                await Task.Delay(delay, _time, stop).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                break;
            }

            delay = delay * 2 > _options.LongestRestart ? _options.LongestRestart : delay * 2;
        }

        unit.End();
    }

    /// <summary>A module and how it fares.</summary>
    private sealed class Unit(IServingModule module, LeaderElector? elector, TimeSpan stopTimeout, TimeProvider time)
    {
        private readonly Heartbeat _stopping = new("the end of its term", stopTimeout, time);
        private volatile string? _failure;
        private volatile bool _running;

        public IServingModule Module => module;

        public LeaderElector? Elector => elector;

        public bool Leads => module.Activation == Activation.Leader && _running;

        public string? NotReadyReason
            => _failure is { } failure ? $"failed: {failure}"
                : _running ? module.NotReadyReason
                : elector is null ? "not running" : null;

        /// <summary>A leader whose term is over and whose work does not end keeps this process from ever leading again.</summary>
        public string? StuckReason => _running ? module.StuckReason ?? elector?.StuckReason ?? _stopping.StuckReason : elector?.StuckReason;

        public void ToldToStop()
        {
            if (module.Activation == Activation.Leader)
            {
                _stopping.Beat();
            }
        }

        public void Begin()
        {
            _failure = null;
            _running = true;
        }

        public void Fail(string failure)
        {
            _failure = failure;
            _running = false;
        }

        public void End()
        {
            _stopping.Rest();
            _failure = null;
            _running = false;
        }
    }
}
