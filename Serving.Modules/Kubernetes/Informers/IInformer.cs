using Serving.Api;

namespace Serving.Kubernetes.Informers;

/// <summary>Reads the local copy of a collection. Objects are shared and immutable; nothing here waits.</summary>
public interface ILister<T>
    where T : class, IKubernetesObject
{
    /// <summary>The object, or null when the copy has none.</summary>
    T? Get(string ns, string name);

    /// <summary>All objects, or those of one namespace.</summary>
    IReadOnlyList<T> List(string? ns = null);

    /// <summary>The objects of a namespace that carry this label. Indexed.</summary>
    IReadOnlyList<T> ByLabel(string ns, string key, string value);

    /// <summary>The objects that name this uid among their owners. Indexed.</summary>
    IReadOnlyList<T> ByOwner(string uid);
}

/// <summary>A change of the local copy: <paramref name="Old"/> is null when the object is new, <paramref name="New"/> when it is
/// gone.</summary>
public readonly record struct Change<T>(T? Old, T? New)
    where T : class, IKubernetesObject
{
    /// <summary>The newest state there is of the object.</summary>
    public T Object => New ?? Old!;

    /// <summary>Its key.</summary>
    public ObjectKey Key => ObjectKey.Of(Object);
}

/// <summary>Keeps a local copy of a collection: lists, then watches; never forgets what it knew because the server is away.</summary>
public interface IInformer<T>
    where T : class, IKubernetesObject
{
    /// <summary>The local copy.</summary>
    ILister<T> Lister { get; }

    /// <summary>Whether the first list is in the copy.</summary>
    bool HasSynced { get; }

    /// <summary>Completes when the first list is in the copy.</summary>
    Task WaitForSyncAsync(CancellationToken cancellation);

    /// <summary>
    /// Calls <paramref name="handler"/>, quickly and never concurrently, for every object there is and for every change
    /// from then on, until the returned registration is disposed.
    /// </summary>
    IDisposable AddHandler(Action<Change<T>> handler);
}

/// <summary>
/// The shared informers of the process: one per resource and selector, whoever asks. Informers asked for before the
/// start are started by it; later ones start at once.
/// </summary>
public interface IInformers
{
    /// <summary>The informer of a resource, narrowed to a namespace and a label selector.</summary>
    IInformer<T> For<T>(ResourceType<T> type, string? ns = null, string? labelSelector = null)
        where T : class, IKubernetesObject;

    /// <summary>
    /// The informer of one object, asked for by its name, so that a right to that name is enough. A source that cannot narrow so gives
    /// its neighbours too.
    /// </summary>
    IInformer<T> ForOne<T>(ResourceType<T> type, string ns, string name)
        where T : class, IKubernetesObject;

    /// <summary>Completes when every informer asked for so far has synced.</summary>
    Task WaitForSyncAsync(CancellationToken cancellation);
}
