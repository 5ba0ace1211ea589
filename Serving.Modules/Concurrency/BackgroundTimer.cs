namespace Serving.Concurrency;

/// <summary>
/// A timer whose callback may fail. Invariants: an exception of the callback is reported (<see cref="BackgroundFailure"/>) and never reaches
/// the thread of the timer, where it would end the process; a periodic callback never runs twice at once, and one that is late skips a turn.
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

        // Not armed before the field is set: a callback may ask for its own timer.
        _timer = time.CreateTimer(static state => ((BackgroundTimer)state!).Fire(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        if (due != Timeout.InfiniteTimeSpan || _isPeriodic) _timer.Change(due, period);
    }

    /// <summary>A timer that runs <paramref name="callback"/> once each time it is armed by <see cref="Arm"/>. It may run again while it runs.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="what">What fails, at the start of a sentence.</param>
    /// <param name="callback">What it does.</param>
    public static BackgroundTimer Once(TimeProvider time, string what, Action callback) => new(time, what, callback, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    /// <summary>A timer that runs <paramref name="callback"/> each <paramref name="period"/>, for the first time after one.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="what">What fails, at the start of a sentence.</param>
    /// <param name="period">Greater than zero.</param>
    /// <param name="callback">What it does.</param>
    public static BackgroundTimer Every(TimeProvider time, string what, TimeSpan period, Action callback)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(period, TimeSpan.Zero);
        return new(time, what, callback, period, period);
    }

    /// <summary>Runs the callback after <paramref name="due"/>, and not at the time of before. Nothing happens once disposed.</summary>
    public void Arm(TimeSpan due) => _timer.Change(due, Timeout.InfiniteTimeSpan);

    /// <summary>Takes back what <see cref="Arm"/> has asked for; a callback that runs goes on.</summary>
    public void Disarm() => _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    /// <summary>Ends it; a callback that runs goes on.</summary>
    public void Dispose() => _timer.Dispose();

    /// <summary>Ends it and waits for a callback that runs.</summary>
    public ValueTask DisposeAsync() => _timer.DisposeAsync();

    private void Fire()
    {
        if (_isPeriodic && Interlocked.Exchange(ref _isRunning, 1) == 1) return;
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
