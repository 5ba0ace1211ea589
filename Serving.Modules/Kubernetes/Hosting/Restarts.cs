using Microsoft.Extensions.Logging;

namespace Serving.Kubernetes.Hosting;

/// <summary>
/// Runs something that is not meant to end again when it does, after a while that doubles while it keeps failing. Invariant: no failure
/// passes unsaid, and none ends more than what failed.
/// </summary>
internal static class Restarts
{
    /// <summary>Runs until cancelled; never throws because of the work.</summary>
    /// <param name="module">The module that it belongs to, in metrics.</param>
    /// <param name="what">What runs, at the start of a sentence.</param>
    /// <param name="work">Runs it once; knows when to stop.</param>
    /// <param name="failed">Hears why it ended, before the wait.</param>
    /// <param name="context">The process.</param>
    /// <param name="stop">Ends it.</param>
    public static async Task KeepRunningAsync(
        string module,
        string what,
        Func<Task> work,
        Action<string> failed,
        ModuleContext context,
        CancellationToken stop
    )
    {
        var (first, longest) = (context.Options.FirstRestart, context.Options.LongestRestart);
        var delay = first;
        while (!stop.IsCancellationRequested)
        {
            var started = context.Time.GetTimestamp();
            var failure = await RunOnceAsync(work, stop);
            if (stop.IsCancellationRequested)
            {
                if (failure is not null)
                {
                    context.Logger.LogError(failure, "{What} failed while it stopped", what);
                }

                return;
            }

            delay = context.Time.GetElapsedTime(started) > longest ? first : delay;
            failed(failure?.Message ?? "it ended by itself");
            ModuleMetrics.Failed(module);
            context.Logger.LogError(
                failure,
                "{What} {Outcome}; it runs again in {Delay}",
                what,
                failure is null ? "ended by itself" : "failed",
                delay
            );
            await Task.Delay(delay, context.Time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            delay = delay * 2 > longest ? longest : delay * 2;
        }
    }

    private static async Task<Exception?> RunOnceAsync(Func<Task> work, CancellationToken stop)
    {
        try
        {
            await work();
            return null;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return null;
        }
        catch (Exception error)
        {
            return error;
        }
    }
}
