using Serving.Kubernetes.Client;

namespace Serving.Kubernetes.Reconcilers;

/// <summary>
/// Makes the cluster match one object. Level-based: it takes a key, reads the cache and writes the difference. Reconciles of one key never
/// overlap. When it throws, the key is retried with back-off.
/// </summary>
public interface IReconciler
{
    /// <summary>The name in logs, metrics and the work queue, such as <c>revision</c>.</summary>
    string Name { get; }

    /// <summary>Reconciles one object; an object that is not in the cache does not exist.</summary>
    Task<Reconcile> ReconcileAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation);
}

/// <summary>What to do with the key after a reconcile.</summary>
public readonly record struct Reconcile
{
    private Reconcile(TimeSpan? requeue) => Requeue = requeue;

    /// <summary>When to reconcile again even if nothing changes; null for never.</summary>
    public TimeSpan? Requeue { get; }

    /// <summary>Nothing more to do until something changes.</summary>
    public static Reconcile Done => default;

    /// <summary>Reconcile again after a delay, even if nothing changes.</summary>
    public static Reconcile After(TimeSpan time) => new(time);
}
