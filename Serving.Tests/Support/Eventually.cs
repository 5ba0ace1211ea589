using System.Diagnostics;

namespace Serving.Tests.Support;

/// <summary>
/// Polls an assertion until it holds or a deadline passes; then its last failure fails the test. Polls less often the longer it
/// takes: a failing assertion is expensive, and the awaited work needs the CPU too.
/// </summary>
public static class Eventually
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(200);

    /// <summary>Waits until <paramref name="assertion"/> no longer throws, at most <paramref name="within"/> (10 s unless told).</summary>
    public static Task HoldsAsync(Action assertion, TimeSpan? within = null) =>
        HoldsAsync(
            () =>
            {
                assertion();
                return Task.CompletedTask;
            },
            within
        );

    /// <summary>Waits until <paramref name="assertion"/> no longer throws, at most <paramref name="within"/> (10 s unless told).</summary>
    public static async Task HoldsAsync(Func<Task> assertion, TimeSpan? within = null)
    {
        var watch = Stopwatch.StartNew();
        var limit = within ?? TimeSpan.FromSeconds(10);
        while (true)
        {
            // FluentAssertions throws NUnit's AssertionException inside NUnit, which marks the test failed only when it escapes.
            try
            {
                await assertion();
                return;
            }
            catch (Exception) when (watch.Elapsed < limit)
            {
                await Task.Delay(PauseAfter(watch.Elapsed));
            }
        }
    }

    /// <summary>The delay before the next attempt: a tenth of the elapsed time, within bounds.</summary>
    internal static TimeSpan PauseAfter(TimeSpan elapsed) =>
        TimeSpan.FromTicks(Math.Clamp(elapsed.Ticks / 10, Shortest.Ticks, Longest.Ticks));
}
