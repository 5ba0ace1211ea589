using Serving.Api;

namespace Serving.Kubernetes.Informers;

/// <summary>Reads the cache of a collection. Objects and lists are shared and immutable; no member waits for I/O or for code of
/// others.</summary>
public interface ILister<T>
    where T : class, IKubernetesObject
{
    /// <summary>The object, or null when it is not in the cache.</summary>
    T? Get(string ns, string name);

    /// <summary>All objects, or those of one namespace.</summary>
    IReadOnlyList<T> List(string? ns = null);

    /// <summary>The objects of a namespace with this label. The first look-up of a label builds its index.</summary>
    IReadOnlyList<T> ByLabel(string ns, string key, string value);

    /// <summary>The objects with this uid among their owners. The first look-up builds the index.</summary>
    IReadOnlyList<T> ByOwner(string uid);

    /// <summary>The objects of a namespace with this value of a declared index. The first look-up builds the index.</summary>
    IReadOnlyList<T> ByIndex(CacheIndex<T> index, string ns, string value);
}

/// <summary>A change of the cache: <paramref name="Old"/> is null when the object is new, <paramref name="New"/> when it was
/// deleted.</summary>
public readonly record struct Change<T>(T? Old, T? New)
    where T : class, IKubernetesObject
{
    /// <summary>The newest known state of the object.</summary>
    public T Object => New ?? Old!;

    /// <summary>Its key.</summary>
    public ObjectKey Key => ObjectKey.Of(Object);
}

/// <summary>Keeps a cache of a collection: lists, then watches; keeps its contents while the server is unreachable.</summary>
public interface IInformer<T>
    where T : class, IKubernetesObject
{
    /// <summary>The cache.</summary>
    ILister<T> Lister { get; }

    /// <summary>Whether the first list is in the cache.</summary>
    bool HasSynced { get; }

    /// <summary>Completes when the first list is in the cache.</summary>
    Task WaitForSyncAsync(CancellationToken cancellation);

    /// <summary>
    /// Calls <paramref name="handler"/> for every cached object and for every later change, until the returned registration is disposed.
    /// Calls are never concurrent, and the handler must be quick.
    /// </summary>
    IDisposable AddHandler(Action<Change<T>> handler);
}

/// <summary>
/// The shared informers of the process: one per resource and selector. Informers requested before the start are started by it; later ones
/// start at once.
/// </summary>
public interface IInformers
{
    /// <summary>The informer of a resource, optionally restricted to a namespace and a label selector.</summary>
    IInformer<T> For<T>(ResourceType<T> type, string? ns = null, string? labelSelector = null)
        where T : class, IKubernetesObject;

    /// <summary>
    /// The informer of one object, selected by name, so that access to that name is sufficient. An implementation that cannot select by
    /// name may return other objects of the namespace too.
    /// </summary>
    IInformer<T> ForOne<T>(ResourceType<T> type, string ns, string name)
        where T : class, IKubernetesObject;

    /// <summary>Completes when every informer requested so far has synced.</summary>
    Task WaitForSyncAsync(CancellationToken cancellation);
}
