namespace Serving.Kubernetes.Leadership;

/// <summary>
/// Carries the term under which a write is made down to where its bytes leave, so that the last look at the lease is right before
/// each attempt: authorization, connecting and repeating may have taken any time since the write began.
/// </summary>
internal static class WriteFence
{
    private static readonly AsyncLocal<LeaderTerm?> Current = new();

    /// <summary>The term of the write under way; null for writes that need none.</summary>
    public static LeaderTerm? Term => Current.Value;

    /// <summary>Makes a write under a term. Throws <see cref="LeaseLostException"/> when it is over before the response is there.</summary>
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
            // What is thrown below HttpClient comes out of it as a time-out.
            throw new LeaseLostException(term.Lease, either.Token);
        }
    }

    /// <summary>Throws <see cref="LeaseLostException"/> when a write under a term must not begin any more.</summary>
    public static void Check(LeaderTerm? term, CancellationToken cancellation)
    {
        if (term is { IsHeld: false })
        {
            throw new LeaseLostException(term.Lease, cancellation);
        }
    }
}
