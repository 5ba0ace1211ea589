using Microsoft.Extensions.Logging;

namespace Serving.Kubernetes.Hosting;

/// <summary>A unit that is started once and stopped once.</summary>
internal sealed class HostedUnit : IDisposable
{
    private readonly IModuleUnit _unit;
    private readonly ModuleContext _context;
    private readonly Lock _lock = new();
    private CancellationTokenSource? _stop;
    private Task _work = Task.CompletedTask;
    private bool _isStopped;

    public HostedUnit(IModuleUnit unit, ModuleContext context) => (_unit, _context) = (unit, context);

    public IServingModule Module => _unit.Module;

    public bool IsLeader => Module.Activation == Activation.Leader;

    public void Start()
    {
        lock (_lock)
        {
            if (_isStopped || _stop is not null)
            {
                return;
            }

            _stop = new CancellationTokenSource();
            var token = _stop.Token;
            _work = Task.Run(
                () =>
                    Restarts.KeepRunningAsync(
                        Module.Name,
                        $"The host of {Module.Name}",
                        () => _unit.RunAsync(token),
                        static _ => { },
                        _context,
                        token
                    ),
                CancellationToken.None
            );
        }
    }

    /// <summary>Stops it and waits until it has stopped, up to a limit.</summary>
    public async Task StopAsync(TimeSpan within, CancellationToken cancellation)
    {
        CancellationTokenSource? stop;
        lock (_lock)
        {
            stop = _isStopped ? null : _stop;
            _isStopped = true;
        }

        if (stop is null)
        {
            return;
        }

        await stop.CancelAsync();
        var since = _context.Time.GetTimestamp();
        try
        {
            await _work.WaitAsync(within, _context.Time, cancellation);
            Dispose();
        }
        catch (Exception late) when (late is TimeoutException or OperationCanceledException)
        {
            _context.Logger.LogWarning(
                "Module {Module} did not stop within {Timeout}",
                Module.Name,
                late is TimeoutException ? within : _context.Time.GetElapsedTime(since)
            );
        }
    }

    public void Dispose() => _stop?.Dispose();
}
