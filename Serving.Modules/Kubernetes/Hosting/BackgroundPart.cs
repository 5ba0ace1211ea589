using Microsoft.Extensions.Hosting;
using Serving.Concurrency;

namespace Serving.Kubernetes.Hosting;

/// <summary>
/// A part that modules depend on and that runs beside them, such as informers or the recorder of events. It outlives them: the host stops
/// it after modules have drained and servers are closed, so that a draining module can still read and report.
/// </summary>
public sealed class BackgroundPart : IHostedService, IDisposable
{
    private readonly string _name;
    private readonly Func<CancellationToken, Task> _work;
    private readonly StartGate _gate;
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;

    /// <param name="name">The name, as the start of a sentence.</param>
    /// <param name="work">Runs until cancelled.</param>
    /// <param name="gate">Opens when it may start.</param>
    public BackgroundPart(string name, Func<CancellationToken, Task> work, StartGate gate)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(work);
        ArgumentNullException.ThrowIfNull(gate);
        (_name, _work, _gate) = (name, work, gate);
    }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _running = Task.Run(RunAsync, CancellationToken.None);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync();
        await _running.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <inheritdoc/>
    public void Dispose() => _stop.Dispose();

    private async Task RunAsync()
    {
        var stop = _stop.Token;
        try
        {
            await _gate.Settled.WaitAsync(stop);
            await _work(stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Shutdown.
        }
        catch (Exception failure)
        {
            BackgroundFailure.Report(_name, failure);
        }
    }
}
