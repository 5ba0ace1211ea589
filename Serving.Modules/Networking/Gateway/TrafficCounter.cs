using System.Diagnostics;

namespace Serving.Networking.Gateway;

/// <summary>The counters of one backend. Every member may be called concurrently; none waits.</summary>
internal sealed class TrafficCounter
{
    private long requests;
    private long errors;
    private int inFlight;
    private long lastLatencyTicks;

    /// <summary>Counts a request in; returns the time stamp to end it with.</summary>
    public long Begin()
    {
        Interlocked.Increment(ref inFlight);
        return Stopwatch.GetTimestamp();
    }

    /// <summary>Counts the request that began at <paramref name="started"/> out.</summary>
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
