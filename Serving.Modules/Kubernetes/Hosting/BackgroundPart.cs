using Microsoft.Extensions.Hosting;
using Serving.Concurrency;

namespace Serving.Kubernetes.Hosting;

/// <summary>
/// What modules rely on and that works beside them, as informers or the recorder of events. It outlives them: the host stops it after
/// modules have drained and servers are closed, so that a module that drains still reads and reports.
/// </summary>
public sealed class BackgroundPart : IHostedService, IDisposable
{
    private readonly string _name;
    private readonly Func<CancellationToken, Task> _work;
    private readonly StartGate _gate;
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;

    /// <param name="name">What it is, at the start of a sentence.</param>
    /// <param name="work">Works until cancelled.</param>
    /// <param name="gate">Says when it may begin.</param>
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
            // The process stops.
        }
        catch (Exception failure)
        {
            BackgroundFailure.Report(_name, failure);
        }
    }
}
