using Microsoft.Extensions.Logging;
using Serving.Concurrency;

namespace Serving.Kubernetes.Hosting;

/// <summary>
/// Restarts work that is not meant to end when it ends, after a delay that doubles while it keeps failing. Invariant: every failure is
/// logged, and none affects other work.
/// </summary>
internal static class Restarts
{
    /// <summary>Runs until cancelled; never throws because of the work.</summary>
    /// <param name="module">The module that it belongs to, for metrics.</param>
    /// <param name="what">The name, as the start of a sentence.</param>
    /// <param name="work">Runs once, until it ends or the token is cancelled.</param>
    /// <param name="failed">Called with the reason why it ended, before the delay.</param>
    /// <param name="context">Dependencies shared by all units.</param>
    /// <param name="stop">Stops it.</param>
    public static async Task KeepRunningAsync(
        string module,
        string what,
        Func<Task> work,
        Action<string> failed,
        ModuleContext context,
        CancellationToken stop
    )
    {
        var delays = new Backoff(context.Options.FirstRestart, context.Options.LongestRestart);
        var failures = 0;
        ModuleMetrics.Runs(module);
        while (!stop.IsCancellationRequested)
        {
            var started = context.Time.GetTimestamp();
            var failure = await RunOnceAsync(work, stop);
            if (stop.IsCancellationRequested)
            {
                if (failure is not null)
                {
                    context.Logger.LogError(failure, "{What} failed during shutdown", what);
                }

                return;
            }

            failures = context.Time.GetElapsedTime(started) > delays.Longest ? 1 : failures + 1;
            var delay = delays.After(failures);
            failed(failure?.Message ?? "it ended by itself");
            ModuleMetrics.Failed(module);
            context.Logger.LogError(
                failure,
                "{What} {Outcome}; restarting in {Delay}",
                what,
                failure is null ? "ended by itself" : "failed",
                delay
            );
            await Task.Delay(delay, context.Time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
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
