using System.Runtime.InteropServices;
using Serving.Concurrency;

namespace Serving.Host.Local;

/// <summary>
/// SIGTERM and SIGINT as a token, so that the process drains instead of being killed. A second SIGINT ends it at once.
/// </summary>
internal sealed class TerminationSignal : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration _terminate;
    private readonly PosixSignalRegistration _interrupt;

    public TerminationSignal()
    {
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
    }

    /// <summary>Cancelled when the process is asked to stop.</summary>
    public CancellationToken Token => _source.Token;

    public void Dispose()
    {
        _terminate.Dispose();
        _interrupt.Dispose();
        _source.Dispose();
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = context.Signal == PosixSignal.SIGTERM || !_source.IsCancellationRequested;

        // A signal may arrive while this is being disposed.
        _source.CancelSafely();
    }
}
