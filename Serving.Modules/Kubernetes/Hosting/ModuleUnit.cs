using Microsoft.Extensions.Logging;
using Serving.Api.Core;

namespace Serving.Kubernetes;

/// <summary>What a <see cref="ModuleHost"/> runs: a module, or one that is divided.</summary>
internal interface IModuleUnit
{
    /// <summary>The module.</summary>
    IServingModule Module { get; }

    /// <summary>Whether it works here under a Lease, or a part of it does.</summary>
    bool Leads { get; }

    /// <summary>Null while it may get traffic; a candidate that does not lead may.</summary>
    string? NotReadyReason { get; }

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
/// <param name="Options">Election and patience.</param>
/// <param name="Logger">Where failures and terms are said.</param>
/// <param name="Time">The clock.</param>
internal sealed record ModuleSurroundings(
    IKubernetesClient Client, IKubernetesClient LeaseClient, IInformer<Lease>? Leases, ModuleHostOptions Options, ILogger Logger, TimeProvider Time);

/// <summary>One module and how it fares: it is run again after a while when it fails, and a leader works only under its Leases.</summary>
internal sealed class ModuleUnit : IModuleUnit
{
    private readonly ModuleSurroundings _around;
    private readonly Heartbeat _stopping;
    private volatile string? _failure;
    private volatile bool _running;

    /// <param name="module">What to run.</param>
    /// <param name="elector">Holds its Leases; null for one that needs none.</param>
    /// <param name="around">The process.</param>
    public ModuleUnit(IServingModule module, LeaderElector? elector, ModuleSurroundings around)
    {
        Module = module;
        Elector = elector;
        _around = around;
        _stopping = new Heartbeat("the end of its term", around.Options.StopTimeout, around.Time);
    }

    /// <inheritdoc/>
    public IServingModule Module { get; }

    /// <summary>Holds the Leases; null for a module that needs none.</summary>
    public LeaderElector? Elector { get; }

    /// <inheritdoc/>
    public bool Leads => Module.Activation == Activation.Leader && _running;

    /// <inheritdoc/>
    public string? NotReadyReason
        => _failure is { } failure ? $"failed: {failure}"
            : _running ? Module.NotReadyReason
            : Elector is null ? "not running" : null;

    /// <summary>Null while its loops turn. A leader whose term is over and whose work does not end keeps this process from ever leading again.</summary>
    public string? StuckReason => _running ? Module.StuckReason ?? Elector?.StuckReason ?? _stopping.StuckReason : Elector?.StuckReason;

    /// <inheritdoc/>
    public void ChangeTimes(LeaderElectionOptions times) => Elector?.ChangeTimes(times);

    /// <inheritdoc/>
    public Task RunAsync(CancellationToken stop)
        => Elector is null
            ? KeepRunningAsync(_around.Client, stop)
            : Elector.RunAsync((term, token) => KeepRunningAsync(new FencedKubernetesClient(_around.Client, term), token), _around.Leases, stop);

    private async Task KeepRunningAsync(IKubernetesClient client, CancellationToken stop)
    {
        await using var told = stop.Register(ToldToStop).ConfigureAwait(false);
        var delay = _around.Options.FirstRestart;
        var longest = _around.Options.LongestRestart;
        while (!stop.IsCancellationRequested)
        {
            var started = _around.Time.GetTimestamp();
            await RunOnceAsync(client, delay, stop).ConfigureAwait(false);
            if (stop.IsCancellationRequested)
            {
                break;
            }

            if (_around.Time.GetElapsedTime(started) > longest)
            {
                delay = _around.Options.FirstRestart;
            }

            await Task.Delay(delay, _around.Time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            delay = delay * 2 > longest ? longest : delay * 2;
        }

        _stopping.Rest();
        _failure = null;
        _running = false;
    }

    private async Task RunOnceAsync(IKubernetesClient client, TimeSpan delay, CancellationToken stop)
    {
        try
        {
            _failure = null;
            _running = true;
            await Module.RunAsync(client, stop).ConfigureAwait(false);
            if (!stop.IsCancellationRequested)
            {
                Fail("it ended by itself");
                _around.Logger.LogError("Module {Module} ended by itself; it runs again in {Delay}", Module.Name, delay);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // It stopped as it was told.
        }
        catch (Exception error)
        {
            Fail(error.Message);
            _around.Logger.LogError(error, "Module {Module} failed; it runs again in {Delay}", Module.Name, delay);
        }
    }

    private void Fail(string failure)
    {
        _failure = failure;
        _running = false;
    }

    private void ToldToStop()
    {
        if (Module.Activation == Activation.Leader)
        {
            _stopping.Beat();
        }
    }
}
