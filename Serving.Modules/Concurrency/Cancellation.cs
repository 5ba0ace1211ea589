namespace Serving.Concurrency;

/// <summary>
/// Cancels a source where an exception would end the process or unrelated work. Invariant: it never throws; a disposed source is ignored,
/// and a failing callback is reported (<see cref="BackgroundFailure"/>).
/// </summary>
public static class Cancellation
{
    /// <summary>
    /// Cancels and runs the registered callbacks on this thread. Do not call it while holding a lock that a callback may need.
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
            // The owner has disposed it.
        }
        catch (AggregateException failure)
        {
            BackgroundFailure.Report("A cancellation callback", failure);
        }
    }

    /// <summary>Cancels and runs the registered callbacks on another thread, so that locks may be held. Completes when they have run; need
    /// not be awaited.</summary>
    public static async Task CancelSafelyAsync(this CancellationTokenSource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        try
        {
            await source.CancelAsync();
        }
        catch (ObjectDisposedException)
        {
            // The owner has disposed it.
        }
        catch (AggregateException failure)
        {
            BackgroundFailure.Report("A cancellation callback", failure);
        }
    }
}
