namespace Serving.Kubernetes.Leadership;

/// <summary>
/// Passes the term of a write down to the handler that sends it, so that the term is checked right before each attempt: authentication,
/// connecting and retries may have taken any time since the write started.
/// </summary>
internal static class WriteFence
{
    private static readonly AsyncLocal<LeaderTerm?> Current = new();

    /// <summary>The term of the current write; null for writes that need none.</summary>
    public static LeaderTerm? Term => Current.Value;

    /// <summary>Writes under a term. Throws <see cref="LeaseLostException"/> when the term ends before the response arrives.</summary>
    public static async Task<T> WriteAsync<T>(LeaderTerm term, Func<CancellationToken, Task<T>> write, CancellationToken cancellation)
    {
        Check(term, cancellation);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(term.Token, cancellation);
        Current.Value = term;
        try
        {
            return await write(either.Token);
        }
        catch (OperationCanceledException) when (!term.IsHeld && !cancellation.IsCancellationRequested)
        {
            // HttpClient converts a LeaseLostException that a handler throws to a timeout.
            throw new LeaseLostException(term.Lease, either.Token);
        }
    }

    /// <summary>Throws <see cref="LeaseLostException"/> when a write under a term must not start any more.</summary>
    public static void Check(LeaderTerm? term, CancellationToken cancellation)
    {
        if (term is { IsHeld: false })
        {
            throw new LeaseLostException(term.Lease, cancellation);
        }
    }
}
