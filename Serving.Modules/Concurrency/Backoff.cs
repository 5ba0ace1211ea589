namespace Serving.Concurrency;

/// <summary>Delays between attempts that double with each failure in a row, up to a bound.</summary>
/// <param name="First">The delay after the first failure.</param>
/// <param name="Longest">The longest delay.</param>
public readonly record struct Backoff(TimeSpan First, TimeSpan Longest)
{
    private const int MaxDoublings = 62;

    /// <summary>The delay after a number of failures in a row, one or more.</summary>
    public TimeSpan After(int failures)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(failures, 1);
        var ticks = First.Ticks * Math.Pow(2, Math.Min(failures - 1, MaxDoublings));
        return ticks < Longest.Ticks ? TimeSpan.FromTicks((long)ticks) : Longest;
    }

    /// <summary>The same delay, shortened at random by up to a half, so that clients which failed together do not retry together.</summary>
    public TimeSpan JitteredAfter(int failures) => After(failures) * (0.5 + (Random.Shared.NextDouble() / 2));
}
