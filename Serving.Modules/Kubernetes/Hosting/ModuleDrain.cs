namespace Serving.Kubernetes.Hosting;

/// <summary>
/// Drains a stopping process before its first module stops: clients are asked to reconnect elsewhere, leaders hand over, and the other
/// modules keep serving until load balancers have noticed. Registered after every module, because the host stops in reverse order.
/// </summary>
public sealed class ModuleDrain : LifecycleService
{
    private readonly StartGate _gate;

    /// <param name="gate">Provides the module host once it is open.</param>
    public ModuleDrain(StartGate gate)
    {
        ArgumentNullException.ThrowIfNull(gate);
        _gate = gate;
    }

    /// <inheritdoc/>
    public override async Task StoppingAsync(CancellationToken cancellationToken)
    {
        if (_gate.Opened.IsCompletedSuccessfully)
        {
            var host = await _gate.Opened;
            await host.DrainAsync(cancellationToken);
        }
    }
}
