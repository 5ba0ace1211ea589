using Serving.Kubernetes.Client;

namespace Serving.Kubernetes.Reconcilers;

/// <summary>
/// Brings the world to what one object says. Level-based: it takes a key, reads the cache, writes the difference. It
/// never runs for one key twice at once. When it throws, the key is tried again with back-off.
/// </summary>
public interface IReconciler
{
    /// <summary>The name in logs, metrics and the work queue, as <c>revision</c>.</summary>
    string Name { get; }

    /// <summary>Reconciles one object; an object that is not in the cache is gone.</summary>
    Task<Reconcile> ReconcileAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation);
}

/// <summary>What to do with the key after a reconcile.</summary>
public readonly record struct Reconcile
{
    private Reconcile(TimeSpan? requeue) => Requeue = requeue;

    /// <summary>When to look again, or null for not before something changes.</summary>
    public TimeSpan? Requeue { get; }

    /// <summary>Nothing more to do until something changes.</summary>
    public static Reconcile Done => default;

    /// <summary>Look again after a while, even if nothing changes.</summary>
    public static Reconcile After(TimeSpan time) => new(time);
}
