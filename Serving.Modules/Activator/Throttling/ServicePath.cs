namespace Serving.Activator.Throttling;

/// <summary>
/// The path to a revision's pods through its private Service, used where a mesh blocks their own addresses. Guarded by the lock of its
/// <see cref="RevisionBackends"/>.
/// </summary>
internal sealed class ServicePath : IDisposable
{
    private readonly ProbeRun _probing = new();

    /// <summary>The Service, once it has responded; null before, and after it refused a request.</summary>
    public Destination? Destination { get; private set; }

    /// <summary>Starts to probe; null when a probe is running, or the Service has responded.</summary>
    public CancellationToken? StartProbing() => Destination is null ? _probing.Start() : null;

    /// <summary>The Service has responded.</summary>
    public void Answered(Destination destination)
    {
        Destination = destination;
        _probing.Stop();
    }

    public void Dispose() => Forget();

    /// <summary>Discards the result and stops probing.</summary>
    public void Forget()
    {
        _probing.Stop();
        Destination = null;
    }
}
