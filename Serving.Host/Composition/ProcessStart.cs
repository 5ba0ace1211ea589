using Serving.ConfigMaps;
using Serving.Host.Health;
using Serving.Kubernetes;

namespace Serving.Host.Composition;

/// <summary>
/// Starts what runs in the process once its servers listen: reads under which Leases it works, lets caches and other background parts run, waits for the
/// configuration and lets the modules run. Meanwhile the probes report what it waits for. What no waiting can fix fails the gate.
/// </summary>
/// <param name="gate">Opened at the end.</param>
/// <param name="health">Told what the start waits for.</param>
/// <param name="election">Read first.</param>
/// <param name="config">Waited for before modules run.</param>
/// <param name="host">Makes what runs the modules, once the settings are read.</param>
/// <param name="sharesAutoscaler">Whether replicas share the autoscaler's work.</param>
internal sealed class ProcessStart(
    StartGate gate, ProcessHealth health, Election election, ConfigStore config, Func<ModuleHost> host, bool sharesAutoscaler) : LifecycleService, IDisposable
{
    private readonly CancellationTokenSource stop = new();
    private ElectionFollower? follower;
    private Task running = Task.CompletedTask;

    public override Task StartedAsync(CancellationToken cancellationToken)
    {
        running = Task.Run(RunAsync, CancellationToken.None);
        return Task.CompletedTask;
    }

    public override async Task StoppingAsync(CancellationToken cancellationToken)
    {
        await stop.CancelAsync();
        await running;
    }

    public void Dispose()
    {
        follower?.Dispose();
        stop.Dispose();
    }

    private async Task RunAsync()
    {
        try
        {
            await election.ReadAsync(health.WaitsFor, stop.Token);
            var modules = host();
            follower = new ElectionFollower(config, modules, sharesAutoscaler);
            health.Follow(modules);
            gate.Settle();
            await config.WaitForSyncAsync(stop.Token);
            gate.Open(modules);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Told to stop before it was ready.
        }
        catch (Exception failure)
        {
            gate.Fail(failure);
        }
    }
}
