using Serving.ConfigMaps;
using Serving.Host.Health;
using Serving.Kubernetes.Hosting;

namespace Serving.Host.Composition;

/// <summary>
/// Starts the process once its servers listen: reads the Lease settings, starts caches and other background parts, waits for the
/// configuration and lets the modules run. The probes report what it waits for. Failures that retrying cannot fix fail the gate.
/// </summary>
/// <param name="gate">Opened at the end.</param>
/// <param name="health">Receives what the start waits for.</param>
/// <param name="election">Read first.</param>
/// <param name="config">Must be loaded before modules run.</param>
/// <param name="host">Creates the module host, once the settings are read.</param>
/// <param name="sharesAutoscaler">Whether replicas share the autoscaler's work.</param>
internal sealed class ProcessStart(
    StartGate gate,
    ProcessHealth health,
    Election election,
    ConfigStore config,
    Func<ModuleHost> host,
    bool sharesAutoscaler
) : LifecycleService, IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private ElectionFollower? _follower;
    private Task _running = Task.CompletedTask;

    public override Task StartedAsync(CancellationToken cancellationToken)
    {
        _running = Task.Run(RunAsync, CancellationToken.None);
        return Task.CompletedTask;
    }

    public override async Task StoppingAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync();
        await _running;
    }

    public void Dispose()
    {
        _follower?.Dispose();
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        try
        {
            await election.ReadAsync(health.WaitsFor, _stop.Token);
            var modules = host();
            _follower = new ElectionFollower(config, modules, sharesAutoscaler);
            health.Follow(modules);
            gate.Settle();
            await config.WaitForSyncAsync(_stop.Token);
            gate.Open(modules);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Stopped before it was ready.
        }
        catch (Exception failure)
        {
            gate.Fail(failure);
        }
    }
}
