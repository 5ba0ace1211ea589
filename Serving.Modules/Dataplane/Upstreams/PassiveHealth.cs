using Serving.Concurrency;

namespace Serving.Dataplane.Upstreams;

/// <summary>
/// Tracks failures of a destination, so that one that fails fast does not look idle and attract every request. It is avoided for a while,
/// doubling with each failure; then one trial request at a time is sent until one succeeds. Thread-safe and non-blocking.
/// </summary>
public sealed class PassiveHealth(TimeProvider time)
{
    private static readonly Backoff Delays = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30));

    private readonly Lock _lock = new();
    private long _until;
    private int _failures;
    private int _trials;

    /// <summary>Whether to avoid the destination while there are others.</summary>
    public bool Avoided =>
        Volatile.Read(ref _until) is not 0 and var until && (Volatile.Read(ref _trials) != 0 || time.GetTimestamp() < until);

    /// <summary>Records that a request is about to be sent.</summary>
    /// <returns>Whether the request is a trial of a suspect destination; pass this to <see cref="End"/>.</returns>
    public bool Begin()
    {
        if (Volatile.Read(ref _until) == 0)
            return false;
        Interlocked.Increment(ref _trials);
        return true;
    }

    /// <summary>Records the end of a request.</summary>
    /// <param name="trial">The result of <see cref="Begin"/>.</param>
    /// <param name="result">How it ended.</param>
    public void End(bool trial, UpstreamResult result)
    {
        if (trial)
            Interlocked.Decrement(ref _trials);
        switch (result)
        {
            case UpstreamResult.NotConnected or UpstreamResult.Unsent or UpstreamResult.Lost or UpstreamResult.Failed:
                Fail();
                break;

            // Requests that started before the failure prove nothing.
            case UpstreamResult.Done when trial:
                lock (_lock)
                    (_failures, _until) = (0, 0);
                break;
        }
    }

    private void Fail()
    {
        lock (_lock)
        {
            // Concurrent failed requests count as one failure.
            var now = time.GetTimestamp();
            if (_until != 0 && now < _until)
                return;
            var delay = Delays.After(++_failures);
            Volatile.Write(ref _until, Math.Max(now + (long)(delay.TotalSeconds * time.TimestampFrequency), 1));
        }
    }
}
