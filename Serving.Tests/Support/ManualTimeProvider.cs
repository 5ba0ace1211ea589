using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Time.Testing;

namespace Serving.Tests.Support;

/// <summary>
/// A clock that only moves when it is advanced (<see cref="FakeTimeProvider"/>), which also counts the pending timers. Timers (and so
/// <c>Task.Delay(…, time)</c>, <c>PeriodicTimer</c>, <c>CancellationTokenSource(delay, time)</c>) fire inside
/// <see cref="FakeTimeProvider.Advance"/>, in order of their due time, on the caller's thread.
/// </summary>
/// <param name="start">The initial time; by default a round one in 2026.</param>
public sealed class ManualTimeProvider(DateTimeOffset? start = null)
    : FakeTimeProvider(start ?? new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero))
{
    private readonly ConcurrentDictionary<CountedTimer, bool> _active = [];

    /// <summary>The number of pending timers.</summary>
    public int ActiveTimers => _active.Count;

    /// <summary>
    /// Advances time in steps until <paramref name="enough"/>, at most <paramref name="most"/>. After each step the woken loops get real
    /// time to run and
    /// wait again: until as many timers are pending as before, or a tenth of a second has passed because some have ended.
    /// </summary>
    public async Task PassAsync(TimeSpan most, Func<bool> enough, TimeSpan? step = null)
    {
        var by = step ?? TimeSpan.FromSeconds(1);
        for (var passed = TimeSpan.Zero; passed < most && !enough(); passed += by)
        {
            var waiting = ActiveTimers;
            Advance(by);
            var watch = Stopwatch.StartNew();
            do await Task.Delay(5);
            while (ActiveTimers < waiting && watch.ElapsedMilliseconds < 100 && !enough());
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new CountedTimer(_active, callback, state);
        timer.Start(base.CreateTimer(timer.Fire, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan), dueTime, period);
        return timer;
    }

    private sealed class CountedTimer(ConcurrentDictionary<CountedTimer, bool> active, TimerCallback callback, object? state) : ITimer
    {
        private ITimer? _timer;
        private TimeSpan _repeats;

        public void Start(ITimer wrapped, TimeSpan dueTime, TimeSpan period)
        {
            _timer = wrapped;
            Change(dueTime, period);
        }

        public void Fire(object? none)
        {
            if (_repeats <= TimeSpan.Zero)
                active.TryRemove(this, out _);
            callback(state);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            _repeats = period;
            if (dueTime == Timeout.InfiniteTimeSpan)
                active.TryRemove(this, out _);
            else
                active[this] = true;
            return _timer!.Change(dueTime, period);
        }

        public void Dispose()
        {
            active.TryRemove(this, out _);
            _timer!.Dispose();
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
