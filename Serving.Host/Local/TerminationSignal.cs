using System.Runtime.InteropServices;
using Serving.Concurrency;

namespace Serving.Host.Local;

/// <summary>
/// SIGTERM and SIGINT as a token, so that the process drains instead of being cut off. A second SIGINT ends it at once.
/// </summary>
internal sealed class TerminationSignal : IDisposable
{
    private readonly CancellationTokenSource source = new();
    private readonly PosixSignalRegistration terminate;
    private readonly PosixSignalRegistration interrupt;

    public TerminationSignal()
    {
        terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
    }

    /// <summary>Cancelled when the process was asked to stop.</summary>
    public CancellationToken Token => source.Token;

    public void Dispose()
    {
        terminate.Dispose();
        interrupt.Dispose();
        source.Dispose();
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = context.Signal == PosixSignal.SIGTERM || !source.IsCancellationRequested;

        // A signal may come while the process ends and this is disposed.
        source.CancelSafely();
    }
}
