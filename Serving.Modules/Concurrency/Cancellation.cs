namespace Serving.Concurrency;

/// <summary>
/// Cancelling from where an exception would end the process, or would end what has nothing to do with it. Invariant: it never throws;
/// a source that its owner has disposed has nobody left to cancel, and a callback that fails is reported (<see cref="BackgroundFailure"/>).
/// </summary>
public static class Cancellation
{
    /// <summary>
    /// Cancels, running what was registered on this thread. Not to be called while a lock is held: what was registered may want it.
    /// </summary>
    public static void CancelSafely(this CancellationTokenSource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        try
        {
            source.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // Its owner is done.
        }
        catch (AggregateException failure)
        {
            BackgroundFailure.Report("A callback of a cancellation", failure);
        }
    }

    /// <summary>Cancels; what was registered runs on another thread, so that locks may be held. Completes when it has run, and need not be awaited.</summary>
    public static async Task CancelSafelyAsync(this CancellationTokenSource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        try
        {
            await source.CancelAsync().ConfigureAwait(false);
        }
        catch (ObjectDisposedException)
        {
            // Its owner is done.
        }
        catch (AggregateException failure)
        {
            BackgroundFailure.Report("A callback of a cancellation", failure);
        }
    }
}
