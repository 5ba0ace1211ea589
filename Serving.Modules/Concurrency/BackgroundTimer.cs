namespace Serving.Concurrency;

/// <summary>
/// A timer whose callback may throw. Invariants: an exception of the callback is reported (<see cref="BackgroundFailure"/>) and never
/// reaches the timer's thread, where it would end the process; a periodic callback never runs concurrently, and a late one skips a turn.
/// </summary>
public sealed class BackgroundTimer : IDisposable, IAsyncDisposable
{
    private readonly string _what;
    private readonly Action _callback;
    private readonly bool _isPeriodic;
    private readonly ITimer _timer;
    private int _isRunning;

    private BackgroundTimer(TimeProvider time, string what, Action callback, TimeSpan due, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(time);
        ArgumentNullException.ThrowIfNull(callback);
        _what = what;
        _callback = callback;
        _isPeriodic = period != Timeout.InfiniteTimeSpan;

        // Armed only after the field is set: the callback may use its own timer.
        _timer = time.CreateTimer(
            static state => ((BackgroundTimer)state!).Fire(),
            this,
            Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan
        );
        if (due != Timeout.InfiniteTimeSpan || _isPeriodic)
            _timer.Change(due, period);
    }

    /// <summary>Creates a timer that runs <paramref name="callback"/> once each time it is armed by <see cref="Arm"/>. Runs may
    /// overlap.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="what">Names the operation in failure reports, as the start of a sentence.</param>
    /// <param name="callback">The operation.</param>
    public static BackgroundTimer Once(TimeProvider time, string what, Action callback) =>
        new(time, what, callback, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    /// <summary>Creates a timer that runs <paramref name="callback"/> every <paramref name="period"/>, first after one period.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="what">Names the operation in failure reports, as the start of a sentence.</param>
    /// <param name="period">The period; greater than zero.</param>
    /// <param name="callback">The operation.</param>
    public static BackgroundTimer Every(TimeProvider time, string what, TimeSpan period, Action callback)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(period, TimeSpan.Zero);
        return new(time, what, callback, period, period);
    }

    /// <summary>Schedules the callback after <paramref name="due"/>, replacing the previous schedule. No effect once disposed.</summary>
    public void Arm(TimeSpan due) => _timer.Change(due, Timeout.InfiniteTimeSpan);

    /// <summary>Cancels what <see cref="Arm"/> scheduled; a running callback continues.</summary>
    public void Disarm() => _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    /// <summary>Stops the timer; a running callback continues.</summary>
    public void Dispose() => _timer.Dispose();

    /// <summary>Stops the timer and waits for a running callback.</summary>
    public ValueTask DisposeAsync() => _timer.DisposeAsync();

    private void Fire()
    {
        if (_isPeriodic && Interlocked.Exchange(ref _isRunning, 1) == 1)
            return;
        try
        {
            _callback();
        }
        catch (Exception failure)
        {
            BackgroundFailure.Report(_what, failure);
        }
        finally
        {
            Volatile.Write(ref _isRunning, 0);
        }
    }
}
