using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;

namespace Serving.Kubernetes.Reconcilers;

/// <summary>
/// One reconcile of one object. Invariant: <see cref="Object"/> is what the API server stores and is never modified here; the result of the
/// pass is in <see cref="Status"/>, and its failures are in <see cref="Failures"/>.
/// </summary>
/// <param name="original">The object in the cache.</param>
/// <param name="status">The initial status.</param>
/// <param name="client">The client to write with.</param>
/// <param name="now">The time of this pass.</param>
public sealed class ReconcilePass<T, TStatus>(T original, TStatus status, IKubernetesClient client, DateTimeOffset now)
    where T : KnativeObject<TStatus>
    where TStatus : KnativeStatus, new()
{
    /// <summary>The object as it was read, or as returned by the last write of its metadata.</summary>
    public T Object { get; private set; } = original;

    /// <summary>The status that will be written, also when the pass fails.</summary>
    public TStatus Status { get; set; } = status;

    /// <summary>The client to write with.</summary>
    public IKubernetesClient Client { get; } = client;

    /// <summary>The time of this pass.</summary>
    public DateTimeOffset Now { get; } = now;

    /// <summary>The failures of steps; the rest of the pass continues.</summary>
    public StepFailures Failures { get; } = new();

    /// <summary>When to reconcile again if nothing changes before; null for never.</summary>
    public TimeSpan? Again { get; private set; }

    /// <summary>Name and namespace.</summary>
    public ObjectKey Key => ObjectKey.Of(Object);

    /// <summary>The namespace.</summary>
    public string Namespace => Object.Metadata.Namespace;

    /// <summary>The name.</summary>
    public string Name => Object.Metadata.Name;

    /// <summary>Continues with the object returned by a write of its metadata, so that the status is written with its new
    /// resourceVersion.</summary>
    public void UseNewest(T newest) => Object = newest;

    /// <summary>Reconciles again after <paramref name="wait"/> at the latest; null does nothing.</summary>
    public void LookAgain(TimeSpan? wait)
    {
        if (wait is { } time && (Again is null || time < Again))
        {
            Again = time;
        }
    }

    /// <summary>
    /// Runs a step that no other step depends on; a failure is recorded and the result is null. A step that failed because of a stale cache
    /// does not change the status.
    /// </summary>
    public async Task<TResult?> TryAsync<TResult>(Func<Task<TResult>> step, CancellationToken cancellation)
        where TResult : class
    {
        var (before, failed) = (Status, Failures.All.Count);
        var result = await Failures.TryAsync(step, cancellation);
        if (Failures.All.Count > failed && StepFailures.IsStaleCache(Failures.All[^1]))
        {
            Status = before;
        }

        return result;
    }

    /// <summary>Runs a step without a result that no other step depends on; returns whether it succeeded.</summary>
    public async Task<bool> TryAsync(Func<Task> step, CancellationToken cancellation) =>
        await TryAsync<object>(
            async () =>
            {
                await step();
                return this;
            },
            cancellation
        )
            is not null;

    /// <summary>
    /// Creates or updates a child (<see cref="ChildObjects.EnsureAsync"/>) that is controlled by the object of this pass.
    /// </summary>
    public Task<Child<TChild>> EnsureAsync<TChild>(
        ResourceType<TChild> type,
        TChild? cached,
        TChild wanted,
        Func<TChild, TChild, TChild> update,
        CancellationToken cancellation,
        ChildEvents? events = null,
        Action<ChildOutcome>? writing = null
    )
        where TChild : class, IKubernetesObject =>
        ChildObjects.EnsureAsync(Client, type, Object, cached, wanted, update, cancellation, events, writing);
}
