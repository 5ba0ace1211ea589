namespace Serving.Activator.Throttling;

/// <summary>
/// The way to a revision's pods through its private Service, where a mesh is in the way of their own addresses. Guarded by the lock of
/// its <see cref="RevisionBackends"/>.
/// </summary>
internal sealed class ServicePath : IDisposable
{
    private readonly ProbeRun _probing = new();

    /// <summary>The Service, once it has answered; null before, and when it is in doubt.</summary>
    public Destination? Destination { get; private set; }

    /// <summary>Begins to probe; null when that goes on already, or it has answered.</summary>
    public CancellationToken? StartProbing() => Destination is null ? _probing.Start() : null;

    /// <summary>It has answered.</summary>
    public void Answered(Destination destination)
    {
        Destination = destination;
        _probing.Stop();
    }

    public void Dispose() => Forget();

    /// <summary>Nothing is known of it, and nobody wants to know.</summary>
    public void Forget()
    {
        _probing.Stop();
        Destination = null;
    }
}
