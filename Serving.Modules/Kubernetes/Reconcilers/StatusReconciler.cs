using Serving.Api;
using Serving.Api.Conditions;
using Serving.Api.Core;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;

namespace Serving.Kubernetes.Reconcilers;

/// <summary>
/// The contract of every reconciler whose kind has conditions:
/// <list type="number">
/// <item>the object is read from the cache; one that does not exist, is being deleted or is not ours ends here;</item>
/// <item>its conditions are initialized, and a new generation sets the happy condition to Unknown until the pass decides;</item>
/// <item><see cref="ReconcileAsync(ReconcilePass{T, TStatus}, CancellationToken)"/> works, with each independent step in a <c>TryAsync</c>
/// of the pass and each child through its <c>EnsureAsync</c>;</item>
/// <item>a child that another object owns or that is rejected becomes a condition (<see cref="Blocked"/>); they are applied in reverse
/// order, so that the first blocked child decides;</item>
/// <item>the status is written when it differs from what was read, also when steps failed;</item>
/// <item>every failure is recorded as an event of the object and thrown, so that the key is retried.</item>
/// </list>
/// A pass that failed only because of a stale cache (<see cref="StepFailures.IsStaleCache"/>) writes no status and records no event: the
/// retry reads newer state. Waiting for another controller records no event either.
/// </summary>
public abstract class StatusReconciler<T, TStatus> : IReconciler
    where T : KnativeObject<TStatus>
    where TStatus : KnativeStatus, new()
{
    private const int Attempts = 4;

    private readonly ResourceType<T> _type;
    private readonly ILister<T> _lister;
    private readonly ConditionSet _conditions;

    /// <param name="type">The kind.</param>
    /// <param name="lister">The cache of its objects.</param>
    /// <param name="conditions">Its conditions.</param>
    /// <param name="events">Records failures.</param>
    /// <param name="time">The clock of conditions.</param>
    protected StatusReconciler(ResourceType<T> type, ILister<T> lister, ConditionSet conditions, IEventRecorder events, TimeProvider time)
    {
        _type = type;
        _lister = lister;
        _conditions = conditions;
        Events = events;
        Time = time;
    }

    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <summary>Records events.</summary>
    protected IEventRecorder Events { get; }

    /// <summary>The clock.</summary>
    protected TimeProvider Time { get; }

    /// <inheritdoc/>
    public async Task<Reconcile> ReconcileAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
    {
        if (_lister.Get(key.Namespace, key.Name) is not { Metadata.DeletionTimestamp: null } original || !IsOurs(original))
        {
            Forget(key);
            await (
                _lister.Get(key.Namespace, key.Name) switch
                {
                    { Metadata.DeletionTimestamp: not null } leaving => DeletingAsync(leaving, client, cancellation),
                    { } other when !IsOurs(other) => NotOursAsync(other, client, cancellation),
                    _ => Task.CompletedTask,
                }
            );
            return Reconcile.Done;
        }

        var pass = new ReconcilePass<T, TStatus>(original, Prepare(original), client, Time.GetUtcNow());
        await pass.Failures.TryAsync(() => ReconcileAsync(pass, cancellation), cancellation);
        Record(pass);
        if (!pass.Failures.AreStaleCache)
        {
            foreach (var child in pass.Failures.All.SelectMany(StepFailures.Flatten).OfType<ChildException>().Reverse())
            {
                pass.Status = Blocked(pass.Status, child, pass.Now);
            }

            await pass.Failures.TryAsync(() => SaveAsync(pass, cancellation), cancellation);
        }

        pass.Failures.Throw();
        return pass.Again is { } wait ? Reconcile.After(wait) : Reconcile.Done;
    }

    /// <summary>The reconciler's own work.</summary>
    protected abstract Task ReconcileAsync(ReconcilePass<T, TStatus> pass, CancellationToken cancellation);

    /// <summary>Marks the condition for a blocked child. Kinds without children return the status unchanged.</summary>
    protected virtual TStatus Blocked(TStatus status, ChildException child, DateTimeOffset now) => status;

    /// <summary>Whether this reconciler is responsible for the object, for kinds that several implementations share.</summary>
    protected virtual bool IsOurs(T value) => true;

    /// <summary>Removes what is stored for the key: the object does not exist, is being deleted or is not ours.</summary>
    protected virtual void Forget(ObjectKey key) { }

    /// <summary>The object is being deleted; a reconciler that added a finalizer cleans up and removes it.</summary>
    protected virtual Task DeletingAsync(T value, IKubernetesClient client, CancellationToken cancellation) => Task.CompletedTask;

    /// <summary>The object is another reconciler's (<see cref="IsOurs"/>). If it was ours before, what we made of it is cleaned up here.</summary>
    protected virtual Task NotOursAsync(T value, IKubernetesClient client, CancellationToken cancellation) => Task.CompletedTask;

    private TStatus Prepare(T value)
    {
        var now = Time.GetUtcNow();
        var list = _conditions.Initialize(value.Status.Conditions, now);
        if (value.Status.ObservedGeneration != value.Metadata.Generation)
        {
            // A pass that fails before it decides anything about a new generation must not leave it looking ready.
            list = _conditions.MarkUnknown(
                list,
                _conditions.Happy,
                "NewObservedGenFailure",
                "unsuccessfully observed a new generation",
                now
            );
        }

        return value.Status with
        {
            Conditions = list,
        };
    }

    private void Record(ReconcilePass<T, TStatus> pass)
    {
        foreach (var failure in pass.Failures.All.SelectMany(StepFailures.Flatten))
        {
            if (!StepFailures.IsStaleCache(failure) && failure is not AwaitedException)
            {
                Events.Warning(pass.Object, "InternalError", failure.Message);
            }
        }
    }

    private async Task SaveAsync(ReconcilePass<T, TStatus> pass, CancellationToken cancellation)
    {
        var status = pass.Status with
        {
            Conditions = ConditionSet.KeepTimes(pass.Object.Status.Conditions, pass.Status.Conditions),
            ObservedGeneration = pass.Object.Metadata.Generation,
        };
        if (ApiEquality.Same(pass.Object.Status, status))
        {
            return;
        }

        try
        {
            await WriteAsync(pass, status, cancellation);
        }
        catch (KubernetesException gone) when (gone.IsNotFound)
        {
            // The object does not exist any more.
        }
        catch (KubernetesException refused) when (!StepFailures.IsStaleCache(refused))
        {
            Events.Warning(pass.Object, "UpdateFailed", $"Failed to update status for \"{pass.Name}\": {refused.Message}");
            throw;
        }
    }

    private async Task WriteAsync(ReconcilePass<T, TStatus> pass, TStatus status, CancellationToken cancellation)
    {
        var wanted = pass.Object with { Status = status };
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await pass.Client.UpdateStatusAsync(_type, wanted, cancellation);
                return;
            }
            catch (KubernetesException error) when (error.IsConflict && attempt < Attempts)
            {
                // Metadata may change concurrently (labels, the webhook's annotations); the status is ours alone, unless the generation is
                // new.
                var newest = await pass.Client.GetAsync(_type, pass.Namespace, pass.Name, cancellation);
                if (
                    newest.Metadata.Uid != pass.Object.Metadata.Uid
                    || newest.Metadata.Generation != pass.Object.Metadata.Generation
                    || !ApiEquality.Same(newest.Status, pass.Object.Status)
                )
                {
                    throw;
                }

                wanted = newest with { Status = status };
            }
        }
    }
}
