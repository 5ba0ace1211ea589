namespace Serving.Observability.Requests;

/// <summary>
/// The kinds of requests of one revision in metrics. Clients choose methods, and programs choose statuses: without a bound for each
/// revision, one of them could use all series of the process. Invariant: at most <see cref="Most"/> kinds and their coarse forms.
/// </summary>
public sealed class RequestKinds
{
    /// <summary>Maximum number of kinds; further ones are recorded in their coarse form.</summary>
    public const int Most = 32;

    private RequestKind[] _seen = [];

    /// <summary>The kind to record for a request.</summary>
    public RequestKind Admit(RequestKind kind)
    {
        while (true)
        {
            var seen = Volatile.Read(ref _seen);
            foreach (var known in seen)
            {
                if (known.Equals(kind))
                {
                    return kind;
                }
            }

            if (seen.Length == Most)
            {
                return kind.Coarse;
            }

            if (Interlocked.CompareExchange(ref _seen, [.. seen, kind], seen) == seen)
            {
                return kind;
            }
        }
    }
}
