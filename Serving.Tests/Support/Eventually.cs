using System.Diagnostics;

namespace Serving.Tests.Support;

/// <summary>Polls an assertion until it holds or a deadline passes; then its last failure is the test's.</summary>
public static class Eventually
{
    /// <summary>Waits until <paramref name="assertion"/> no longer throws, at most <paramref name="within"/> (10 s unless told).</summary>
    public static Task HoldsAsync(Action assertion, TimeSpan? within = null)
        => HoldsAsync(
            () =>
            {
                assertion();
                return Task.CompletedTask;
            },
            within);

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
                await Task.Delay(5);
            }
        }
    }
}
