namespace Serving.Dataplane.Upstreams;

/// <summary>
/// Bounds what a copy moves before others get their turn. A copy whose source always has more and whose destination always has room never
/// waits: without a bound it would keep the thread that polls sockets for the whole body, and all other connections of that thread with it.
/// </summary>
internal struct CopyTurn
{
    /// <summary>Bytes per turn: about 50 µs of copying, beside which a change of threads costs little.</summary>
    public const int Bytes = 64 * 1024;

    private long _moved;

    /// <summary>Counts bytes; true when the turn is over and the copy must continue on another thread of the pool.</summary>
    public bool IsOver(long moved)
    {
        _moved += moved;
        if (_moved < Bytes)
            return false;
        _moved = 0;
        return true;
    }
}
