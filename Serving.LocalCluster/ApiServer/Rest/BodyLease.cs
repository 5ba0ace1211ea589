namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>
/// The bytes of request bodies that are being handled, of all requests together: each may be megabytes, and is a tree of many times that while it is
/// admitted. Invariant: never more than <see cref="Most"/>.
/// </summary>
internal sealed class BodyBudget
{
    /// <summary>More than many clients at once send; what comes beyond is asked to come again.</summary>
    public const long Most = 64L << 20;

    private long _held;

    /// <summary>How many are held.</summary>
    public long Held => Interlocked.Read(ref _held);

    /// <summary>Takes some more; false when there are not as many left.</summary>
    public bool TryTake(long bytes)
    {
        if (Interlocked.Add(ref _held, bytes) <= Most)
            return true;
        Interlocked.Add(ref _held, -bytes);
        return false;
    }

    /// <summary>Gives some back.</summary>
    public void Return(long bytes) => Interlocked.Add(ref _held, -bytes);
}

/// <summary>What one request holds of the budget, until it is answered: a feature of the request.</summary>
internal sealed class BodyLease(BodyBudget budget) : IDisposable
{
    private long _taken;

    /// <summary>Makes it as large as the body that has come so far.</summary>
    /// <exception cref="ApiException">429: too much is being handled.</exception>
    public void Grow(long length)
    {
        if (length <= _taken)
            return;
        if (!budget.TryTake(length - _taken))
            throw new ApiException(429, "TooManyRequests", $"the bodies of all requests in flight would exceed {BodyBudget.Most} bytes: try again");
        _taken = length;
    }

    public void Dispose()
    {
        budget.Return(_taken);
        _taken = 0;
    }
}
