using Serving.Concurrency;

namespace Serving.Kubernetes.Hosting;

/// <summary>
/// A module as a service of the generic host. It runs once the servers listen and the gate is open, and stops before any server does. The
/// host stops modules one after the other in reverse order of registration, so dependencies are registered first.
/// </summary>
public sealed class ModuleService : LifecycleService
{
    private readonly StartGate _gate;
    private readonly TaskCompletionSource _stopping = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="module">The module.</param>
    /// <param name="gate">Opens when it may start, with the module host.</param>
    public ModuleService(IServingModule module, StartGate gate)
    {
        ArgumentNullException.ThrowIfNull(module);
        ArgumentNullException.ThrowIfNull(gate);
        (Module, _gate) = (module, gate);
    }

    /// <summary>The module.</summary>
    public IServingModule Module { get; }

    /// <inheritdoc/>
    public override Task StartedAsync(CancellationToken cancellationToken)
    {
        BackgroundFailure.Watch($"The start of {Module.Name}", RunWhenOpenAsync());
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override async Task StoppingAsync(CancellationToken cancellationToken)
    {
        _stopping.TrySetResult();
        if (_gate.Opened.IsCompletedSuccessfully)
        {
            var host = await _gate.Opened;
            await host.StopAsync(Module, cancellationToken);
        }
    }

    private async Task RunWhenOpenAsync()
    {
        await Task.WhenAny(_gate.Opened, _stopping.Task);

        // A failed start is reported by the session that runs the application.
        if (_gate.Opened.IsCompletedSuccessfully)
        {
            (await _gate.Opened).Start(Module);
        }
    }
}
