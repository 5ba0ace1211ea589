namespace Serving.Activator.Throttling;

/// <summary>
/// The way to a revision's pods through its private Service, where a mesh is in the way of their own addresses. Guarded by the lock of
/// its <see cref="RevisionBackends"/>.
/// </summary>
internal sealed class ServicePath : IDisposable
{
    private CancellationTokenSource? _probing;

    /// <summary>The Service, once it has answered; null before, and when it is in doubt.</summary>
    public Destination? Destination { get; private set; }

    /// <summary>Begins to probe; null when that goes on already, or it has answered.</summary>
    public CancellationToken? StartProbing()
    {
        if (_probing is not null || Destination is not null) return null;
        _probing = new CancellationTokenSource();
        return _probing.Token;
    }

    /// <summary>It has answered.</summary>
    public void Answered(Destination destination)
    {
        Destination = destination;
        _probing = null;
    }

    public void Dispose() => Forget();

    /// <summary>Nothing is known of it, and nobody wants to know.</summary>
    public void Forget()
    {
        // Not disposed: the probe may still read its token, and without a timer there is nothing to free.
        _probing?.Cancel();
        _probing = null;
        Destination = null;
    }
}
