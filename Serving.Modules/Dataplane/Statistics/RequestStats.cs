namespace Serving.Dataplane.Statistics;

/// <summary>
/// Counts requests and computes the average concurrency since the last report. Two requests of half a second each make an average
/// concurrency of one over a second.
/// </summary>
public sealed class RequestStats
{
    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private long _lastChange;
    private int _concurrency;
    private int _proxiedConcurrency;
    private long _count;
    private long _proxiedCount;
    private double _concurrencySeconds;
    private double _proxiedConcurrencySeconds;
    private double _seconds;

    /// <summary>Starts the first reporting period.</summary>
    public RequestStats(TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(time);
        _time = time;
        _lastChange = time.GetTimestamp();
    }

    /// <summary>The number of requests in flight at this moment.</summary>
    public int InFlight => Volatile.Read(ref _concurrency);

    /// <summary>Records the start of a request.</summary>
    /// <param name="proxied">Whether it came through an activator, which counts it too.</param>
    public void Begin(bool proxied)
    {
        lock (_lock)
        {
            Advance();
            _concurrency++;
            _count++;
            if (!proxied)
                return;
            _proxiedConcurrency++;
            _proxiedCount++;
        }
    }

    /// <summary>Records the end of a request that started with the same <paramref name="proxied"/>.</summary>
    public void End(bool proxied)
    {
        lock (_lock)
        {
            Advance();
            _concurrency--;
            if (proxied)
                _proxiedConcurrency--;
        }
    }

    /// <summary>Reports the period since the last report and starts the next one.</summary>
    public RequestStatsReport Report()
    {
        lock (_lock)
        {
            Advance();
            var report = new RequestStatsReport(
                _seconds > 0 ? _concurrencySeconds / _seconds : 0,
                _seconds > 0 ? _proxiedConcurrencySeconds / _seconds : 0,
                _count,
                _proxiedCount
            );
            (_concurrencySeconds, _proxiedConcurrencySeconds, _seconds) = (0, 0, 0);
            (_count, _proxiedCount) = (0, 0);
            return report;
        }
    }

    private void Advance()
    {
        var now = _time.GetTimestamp();
        if (now <= _lastChange)
            return;
        var seconds = _time.GetElapsedTime(_lastChange, now).TotalSeconds;
        _lastChange = now;
        _seconds += seconds;
        _concurrencySeconds += _concurrency * seconds;
        _proxiedConcurrencySeconds += _proxiedConcurrency * seconds;
    }
}
