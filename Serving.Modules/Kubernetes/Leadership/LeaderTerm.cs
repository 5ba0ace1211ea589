using Serving.Concurrency;

namespace Serving.Kubernetes.Leadership;

/// <summary>
/// One unbroken time of holding a Lease. Invariant: from the renew deadline on it is over for good, by the monotonic clock
/// and without asking anybody.
/// </summary>
public sealed class LeaderTerm : IDisposable
{
    private readonly TimeProvider _time;
    private readonly TimeSpan _renewDeadline;
    private readonly CancellationTokenSource _over = new();
    private readonly BackgroundTimer _timer;
    private long _ends;

    /// <param name="lease">The name of the Lease.</param>
    /// <param name="renewDeadline">How long a renewal is good for.</param>
    /// <param name="renewed">When the request that took the Lease was sent, a timestamp of <paramref name="time"/>.</param>
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

    /// <summary>Cancelled when the term is over.</summary>
    public CancellationToken Token => _over.Token;

    /// <summary>Whether a write may begin now.</summary>
    public bool IsHeld => !_over.IsCancellationRequested && Remaining > TimeSpan.Zero;

    private TimeSpan Remaining => _time.GetElapsedTime(_time.GetTimestamp(), Interlocked.Read(ref _ends));

    /// <summary>
    /// Says that a renewal is about to be sent which allows others to take the Lease sooner than now: until its answer is here
    /// nobody knows which of the two holds, so the term keeps the earlier end.
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

    /// <summary>Says that the Lease was renewed by a request sent at <paramref name="sent"/>; too late when the term is over.</summary>
    /// <param name="sent">A timestamp of the clock.</param>
    /// <param name="renewDeadline">How long this renewal is good for; null for as long as the first one.</param>
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

    /// <summary>Ends the term now; nothing happens once it is disposed.</summary>
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
