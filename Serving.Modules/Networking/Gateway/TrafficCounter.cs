using System.Diagnostics;

namespace Serving.Networking.Gateway;

/// <summary>The counters of one backend. Thread-safe and non-blocking.</summary>
internal sealed class TrafficCounter
{
    private long _requests;
    private long _errors;
    private int _inFlight;
    private long _lastLatencyTicks;

    /// <summary>Records the start of a request and returns its timestamp.</summary>
    public long Begin()
    {
        Interlocked.Increment(ref _inFlight);
        return Stopwatch.GetTimestamp();
    }

    /// <summary>Records the end of the request that started at <paramref name="started"/>.</summary>
    public void End(long started, int statusCode)
    {
        Volatile.Write(ref _lastLatencyTicks, Stopwatch.GetElapsedTime(started).Ticks);
        Interlocked.Decrement(ref _inFlight);
        Interlocked.Increment(ref _requests);
        if (statusCode >= 500)
        {
            Interlocked.Increment(ref _errors);
        }
    }

    public RevisionTraffic Read(string ns, string revision) =>
        new(
            ns,
            revision,
            Volatile.Read(ref _requests),
            Volatile.Read(ref _errors),
            Volatile.Read(ref _inFlight),
            new TimeSpan(Volatile.Read(ref _lastLatencyTicks))
        );
}
