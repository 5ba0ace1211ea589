using Serving.Kubernetes;
using Serving.Networking.Gateway.Backends;

namespace Serving.Networking.Gateway.Routing;

/// <summary>What changed since the last table. Changes of one Ingress or backend coalesce, so it is bounded by their number.
/// Thread-safe.</summary>
internal sealed class RouteChanges : IDisposable
{
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _any = new(1, 1);
    private HashSet<ObjectKey> _ingresses = [];
    private HashSet<Backend> _backends = [];

    /// <summary>Adds an Ingress that changed.</summary>
    public void Add(ObjectKey ingress)
    {
        lock (_gate)
        {
            _ingresses.Add(ingress);
        }

        Signal();
    }

    /// <summary>Adds backends that got their first endpoint or lost their last.</summary>
    public void Add(IReadOnlyCollection<Backend> backends)
    {
        lock (_gate)
        {
            _backends.UnionWith(backends);
        }

        Signal();
    }

    /// <summary>Waits until something has changed since the last wait.</summary>
    public Task WaitAsync(CancellationToken cancellation) => _any.WaitAsync(cancellation);

    /// <summary>Takes all changes.</summary>
    public (IReadOnlyCollection<ObjectKey> Ingresses, IReadOnlyCollection<Backend> Backends) Take()
    {
        lock (_gate)
        {
            var taken = (_ingresses, _backends);
            (_ingresses, _backends) = ([], []);
            return taken;
        }
    }

    public void Dispose() => _any.Dispose();

    private void Signal()
    {
        try
        {
            _any.Release();
        }
        catch (SemaphoreFullException)
        {
            // Signalled already.
        }
    }
}
