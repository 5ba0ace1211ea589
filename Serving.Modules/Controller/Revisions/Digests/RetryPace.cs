using Serving.Concurrency;

namespace Serving.Controller.Revisions.Digests;

/// <summary>
/// The delay before a request to a registry: none for the first attempt, then 1 s, 2 s, 4 s … up to 1000 s for the same image of the same
/// Revision, and for the retries of all images together a burst of 100 and then ten a second. First attempts do not count: only the number
/// of requests at once bounds them, or a thousand new Revisions would become ready at the pace of retries, however fast the registry is.
/// </summary>
internal sealed class RetryPace(TimeProvider time)
{
    private const int Burst = 100;
    private static readonly Backoff Delays = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1000));
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new();
    private DateTimeOffset _full = DateTimeOffset.MinValue;

    /// <summary>The delay before an attempt after this many failures (not negative); a retry is counted.</summary>
    public TimeSpan Next(int failures)
    {
        if (failures == 0)
        {
            return TimeSpan.Zero;
        }

        var own = Delays.After(failures);
        lock (_gate)
        {
            // The time at which the bucket will be full again encodes how many tokens are left.
            var now = time.GetUtcNow();
            _full = (_full > now ? _full : now) + Interval;
            var common = _full - now - (Interval * Burst);
            return common > own ? common : own;
        }
    }
}
