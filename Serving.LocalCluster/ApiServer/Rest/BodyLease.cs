namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>
/// The total bytes of all request bodies in flight: a body may be megabytes, and its parsed tree is many times larger
/// during admission. Invariant: never more than <see cref="Most"/>.
/// </summary>
internal sealed class BodyBudget
{
    /// <summary>The budget in bytes, ample for many concurrent clients; beyond it requests get a 429 and retry.</summary>
    public const long Most = 64L << 20;

    private long _held;

    /// <summary>The number of bytes in use.</summary>
    public long Held => Interlocked.Read(ref _held);

    /// <summary>Takes more bytes; false when fewer are left.</summary>
    public bool TryTake(long bytes)
    {
        if (Interlocked.Add(ref _held, bytes) <= Most)
            return true;
        Interlocked.Add(ref _held, -bytes);
        return false;
    }

    /// <summary>Returns bytes to the budget.</summary>
    public void Return(long bytes) => Interlocked.Add(ref _held, -bytes);
}

/// <summary>The part of the budget that one request holds until its response is sent: a request feature.</summary>
internal sealed class BodyLease(BodyBudget budget) : IDisposable
{
    private long _taken;

    /// <summary>Grows it to the size of the body received so far.</summary>
    /// <exception cref="ApiException">429: the budget is exhausted.</exception>
    public void Grow(long length)
    {
        if (length <= _taken)
            return;
        if (!budget.TryTake(length - _taken))
            throw new ApiException(
                429,
                "TooManyRequests",
                $"the bodies of all requests in flight would exceed {BodyBudget.Most} bytes: try again"
            );
        _taken = length;
    }

    public void Dispose()
    {
        budget.Return(_taken);
        _taken = 0;
    }
}
