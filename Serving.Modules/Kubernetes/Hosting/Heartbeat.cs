namespace Serving.Kubernetes;

/// <summary>
/// The sign of life of one loop, for the liveness probe. Invariants: a loop that rests is never stuck, however long it waits
/// for work; one that works is stuck when it has neither beaten nor rested for its patience. Costs one write a turn.
/// </summary>
public sealed class Heartbeat
{
    private const long Resting = long.MinValue;
    private readonly string _loop;
    private readonly TimeSpan _patience;
    private readonly TimeProvider _time;
    private long _since = Resting;

    /// <param name="loop">What the loop does, for whoever reads that it is stuck.</param>
    /// <param name="patience">The longest that one turn may take.</param>
    /// <param name="time">The clock.</param>
    public Heartbeat(string loop, TimeSpan patience, TimeProvider? time = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(loop);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(patience, TimeSpan.Zero);
        _loop = loop;
        _patience = patience;
        _time = time ?? TimeProvider.System;
    }

    /// <summary>Null while the loop turns or rests; else since when it does not.</summary>
    public string? StuckReason
    {
        get
        {
            var since = Volatile.Read(ref _since);
            return since != Resting && _time.GetElapsedTime(since) is var waited && waited > _patience
                ? $"{_loop} has not turned for {waited.TotalSeconds:0} s"
                : null;
        }
    }

    /// <summary>A turn begins: the next beat or rest is due within the patience.</summary>
    public void Beat() => Volatile.Write(ref _since, _time.GetTimestamp());

    /// <summary>The loop waits for work, or has ended.</summary>
    public void Rest() => Volatile.Write(ref _since, Resting);
}
