namespace Serving.Kubernetes.Hosting;

/// <summary>
/// The heartbeat of one loop, for the liveness probe. An idle loop is never stuck, however long it waits for work; a busy one is stuck when
/// it has neither beaten nor become idle for longer than <c>stuckAfter</c>. A turn costs one write.
/// </summary>
public sealed class Heartbeat
{
    private const long IsIdle = long.MinValue;
    private readonly string _loop;
    private readonly TimeSpan _stuckAfter;
    private readonly TimeProvider _time;
    private long _since = IsIdle;

    /// <param name="loop">What the loop does, for the message that it is stuck.</param>
    /// <param name="stuckAfter">The longest that one turn may take.</param>
    /// <param name="time">The clock.</param>
    public Heartbeat(string loop, TimeSpan stuckAfter, TimeProvider? time = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(loop);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(stuckAfter, TimeSpan.Zero);
        _loop = loop;
        _stuckAfter = stuckAfter;
        _time = time ?? TimeProvider.System;
    }

    /// <summary>How long the loop has been stuck; null while it turns or is idle.</summary>
    public string? StuckReason
    {
        get
        {
            var since = Volatile.Read(ref _since);
            return since != IsIdle && _time.GetElapsedTime(since) is var waited && waited > _stuckAfter
                ? $"{_loop} has made no progress for {waited.TotalSeconds:0} s"
                : null;
        }
    }

    /// <summary>A turn begins: the next call is due within <c>stuckAfter</c>.</summary>
    public void Beat() => Volatile.Write(ref _since, _time.GetTimestamp());

    /// <summary>The loop waits for work, or has ended.</summary>
    public void Idle() => Volatile.Write(ref _since, IsIdle);
}
