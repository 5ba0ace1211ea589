namespace Serving.Kubernetes.Hosting;

/// <summary>
/// What a process that is told to stop does before its first module stops: clients are asked to go elsewhere, leaders hand over, and the
/// others serve on until everybody has learnt of it. Registered after every module, since the host stops in the reverse order.
/// </summary>
public sealed class ModuleDrain : LifecycleService
{
    private readonly StartGate _gate;

    /// <param name="gate">Has what runs the modules, once they do.</param>
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
