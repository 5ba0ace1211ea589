using Serving.Concurrency;

namespace Serving.Kubernetes.Leadership;

/// <summary>
/// An uninterrupted period of holding a Lease. Invariant: after the renew deadline it has ended for good, by the monotonic clock and
/// without any request.
/// </summary>
public sealed class LeaderTerm : IDisposable
{
    private readonly TimeProvider _time;
    private readonly TimeSpan _renewDeadline;
    private readonly CancellationTokenSource _over = new();
    private readonly BackgroundTimer _timer;
    private long _ends;

    /// <param name="lease">The name of the Lease.</param>
    /// <param name="renewDeadline">How long a renewal is valid.</param>
    /// <param name="renewed">When the request that acquired the Lease was sent, a timestamp of <paramref name="time"/>.</param>
    /// <param name="time">The monotonic clock.</param>
    public LeaderTerm(string lease, TimeSpan renewDeadline, long renewed, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(time);
        Lease = lease;
        _renewDeadline = renewDeadline;
        _time = time;
        _ends = EndOf(renewed, renewDeadline);
        _timer = BackgroundTimer.Once(time, $"The end of the term of {lease}", Check);
        Arm();
    }

    /// <summary>The name of the Lease.</summary>
    public string Lease { get; }

    /// <summary>Cancelled when the term ends.</summary>
    public CancellationToken Token => _over.Token;

    /// <summary>Whether a write may start now.</summary>
    public bool IsHeld => !_over.IsCancellationRequested && Remaining > TimeSpan.Zero;

    private TimeSpan Remaining => _time.GetElapsedTime(_time.GetTimestamp(), Interlocked.Read(ref _ends));

    /// <summary>
    /// Called before a renewal that shortens the time after which others may acquire the Lease: until its response is known, either
    /// duration may be in effect, so the term uses the earlier end.
    /// </summary>
    public void Renewing(long sent, TimeSpan renewDeadline)
    {
        var end = EndOf(sent, renewDeadline);
        if (end < Interlocked.Read(ref _ends))
        {
            Interlocked.Exchange(ref _ends, end);
            Arm();
        }
    }

    /// <summary>Records that a request sent at <paramref name="sent"/> renewed the Lease; has no effect after the term has ended.</summary>
    /// <param name="sent">A timestamp of the clock.</param>
    /// <param name="renewDeadline">How long this renewal is valid; null for as long as the first one.</param>
    public void Renewed(long sent, TimeSpan? renewDeadline = null)
    {
        if (!IsHeld)
        {
            End();
            return;
        }

        Interlocked.Exchange(ref _ends, EndOf(sent, renewDeadline ?? _renewDeadline));
        Arm();
    }

    /// <summary>Ends the term now; does nothing after disposal.</summary>
    public void End() => _over.CancelSafely();

    /// <inheritdoc/>
    public void Dispose()
    {
        _timer.Dispose();
        _over.CancelSafely();
        _over.Dispose();
    }

    private long EndOf(long sent, TimeSpan deadline) => sent + (long)(deadline.TotalSeconds * _time.TimestampFrequency);

    private void Check()
    {
        if (Remaining <= TimeSpan.Zero)
        {
            End();
        }
        else
        {
            Arm();
        }
    }

    private void Arm() => _timer.Arm(TimeSpan.FromMilliseconds(Math.Max(1, Math.Ceiling(Remaining.TotalMilliseconds))));
}
