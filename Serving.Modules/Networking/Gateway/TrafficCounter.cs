using System.Diagnostics;

namespace Serving.Networking.Gateway;

/// <summary>The counters of one backend. Thread-safe and non-blocking.</summary>
internal sealed class TrafficCounter
{
    private long requests;
    private long errors;
    private int inFlight;
    private long lastLatencyTicks;

    /// <summary>Records the start of a request and returns its timestamp.</summary>
    public long Begin()
    {
        Interlocked.Increment(ref inFlight);
        return Stopwatch.GetTimestamp();
    }

    /// <summary>Records the end of the request that started at <paramref name="started"/>.</summary>
    public void End(long started, int statusCode)
    {
        Volatile.Write(ref lastLatencyTicks, Stopwatch.GetElapsedTime(started).Ticks);
        Interlocked.Decrement(ref inFlight);
        Interlocked.Increment(ref requests);
        if (statusCode >= 500)
        {
            Interlocked.Increment(ref errors);
        }
    }

    public RevisionTraffic Read(string ns, string revision) => new(
        ns, revision, Volatile.Read(ref requests), Volatile.Read(ref errors), Volatile.Read(ref inFlight), new TimeSpan(Volatile.Read(ref lastLatencyTicks)));
}
