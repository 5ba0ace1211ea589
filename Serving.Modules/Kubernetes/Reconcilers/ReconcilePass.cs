using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;

namespace Serving.Kubernetes.Reconcilers;

/// <summary>
/// One reconcile of one object under way. Invariant: <see cref="Object"/> is what the API server stores and is never changed by hand; what
/// the pass concludes is in <see cref="Status"/>, what could not be done in <see cref="Failures"/>.
/// </summary>
/// <param name="original">The object as the cache has it.</param>
/// <param name="status">The status to begin with.</param>
/// <param name="client">Writes.</param>
/// <param name="now">The time of this pass.</param>
public sealed class ReconcilePass<T, TStatus>(T original, TStatus status, IKubernetesClient client, DateTimeOffset now)
    where T : KnativeObject<TStatus>
    where TStatus : KnativeStatus, new()
{
    /// <summary>The object as it was read, or as it is after its metadata was written.</summary>
    public T Object { get; private set; } = original;

    /// <summary>The status that will be written, also when the pass fails half-way.</summary>
    public TStatus Status { get; set; } = status;

    /// <summary>The client to write with.</summary>
    public IKubernetesClient Client { get; } = client;

    /// <summary>The time of this pass.</summary>
    public DateTimeOffset Now { get; } = now;

    /// <summary>What could not be done; the rest of the pass goes on.</summary>
    public StepFailures Failures { get; } = new();

    /// <summary>When to look again if nothing changes before; null for not at all.</summary>
    public TimeSpan? Again { get; private set; }

    /// <summary>Name and namespace.</summary>
    public ObjectKey Key => ObjectKey.Of(Object);

    /// <summary>The namespace.</summary>
    public string Namespace => Object.Metadata.Namespace;

    /// <summary>The name.</summary>
    public string Name => Object.Metadata.Name;

    /// <summary>Continues with the object that a write of its metadata returned, so that the status is not written over an old
    /// version.</summary>
    public void UseNewest(T newest) => Object = newest;

    /// <summary>Looks again after <paramref name="wait"/> at the latest; null asks for nothing.</summary>
    public void LookAgain(TimeSpan? wait)
    {
        if (wait is { } time && (Again is null || time < Again))
        {
            Again = time;
        }
    }

    /// <summary>
    /// Does a step that the others do not depend on; a failure is kept and the result is null. A step that only met a newer state than the
    /// cache's concludes nothing: the status is as it was before it.
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

    /// <summary>Does a step that the others do not depend on and that has no result; tells whether it succeeded.</summary>
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
    /// Brings a child to what is wanted (<see cref="ChildObjects.EnsureAsync"/>), controlled by the object of this pass.
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
