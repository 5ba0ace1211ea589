using System.Text.Json;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes;

namespace Serving.Controller.Common;

/// <summary>
/// What the reconcilers of kinds with conditions share. Invariant: conditions are initialised before the work, the status is
/// written once after it, also when the work failed, and only when it differs from what was read.
/// </summary>
internal abstract class StatusReconciler<T, TStatus>(
    ResourceType<T> type, ILister<T> lister, ConditionSet conditions, IEventRecorder events, TimeProvider time) : IReconciler
    where T : KubernetesObject
    where TStatus : KnativeStatus
{
    private const int Attempts = 4;

    public abstract string Name { get; }

    protected IEventRecorder Events { get; } = events;

    protected TimeProvider Time { get; } = time;

    public async Task<Reconcile> ReconcileAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
    {
        if (lister.Get(key.Namespace, key.Name) is not { } resource)
        {
            await GoneAsync(key, client, cancellation).ConfigureAwait(false);
            return Reconcile.Done;
        }

        if (resource.Metadata.DeletionTimestamp is not null)
        {
            await DeletingAsync(resource, client, cancellation).ConfigureAwait(false);
            return Reconcile.Done;
        }

        var work = new Work<T, TStatus>(resource, Prepare(resource), client, Time.GetUtcNow());
        Reconcile result;
        try
        {
            result = await ReconcileAsync(work, cancellation).ConfigureAwait(false);
        }
        catch (Exception error) when (!cancellation.IsCancellationRequested && !IsStaleCache(error))
        {
            foreach (var child in StepFailures.Flatten(error).OfType<ChildException>())
            {
                work.Status = Blocked(work.Status, child, work.Now);
            }

            await SaveAsync(work, cancellation).ConfigureAwait(false);
            Events.Warning(resource, "InternalError", error.Message);
            throw;
        }

        await SaveAsync(work, cancellation).ConfigureAwait(false);
        return result;
    }

    /// <summary>The work itself.</summary>
    protected abstract Task<Reconcile> ReconcileAsync(Work<T, TStatus> work, CancellationToken cancellation);

    /// <summary>The status that says of which child the work is waiting, and why.</summary>
    protected abstract TStatus Blocked(TStatus status, ChildException child, DateTimeOffset now);

    /// <summary>The object is not in the cache.</summary>
    protected virtual Task GoneAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation) => Task.CompletedTask;

    /// <summary>The object is being deleted.</summary>
    protected virtual Task DeletingAsync(T resource, IKubernetesClient client, CancellationToken cancellation) => Task.CompletedTask;

    protected abstract TStatus StatusOf(T resource);

    protected abstract T WithStatus(T resource, TStatus status);

    /// <summary>The status with these conditions and this observed generation.</summary>
    protected abstract TStatus WithConditions(TStatus status, IReadOnlyList<Condition> conditions, long? observedGeneration);

    /// <summary>Whether the server only knows more than the cache, as that the namespace goes: nothing is wrong, and what was concluded is not worth writing.</summary>
    private static bool IsStaleCache(Exception error)
        => StepFailures.Flatten(error).All(static one
            => one is KubernetesException { IsConflict: true } or KubernetesException { IsAlreadyExists: true } or KubernetesException { IsNamespaceTerminating: true });

    private TStatus Prepare(T resource)
    {
        var status = StatusOf(resource);
        var now = Time.GetUtcNow();
        var list = conditions.Initialize(status.Conditions, now);
        if (status.ObservedGeneration != resource.Metadata.Generation)
        {
            // Whoever fails before saying anything about a new generation must not look ready for it.
            list = conditions.MarkUnknown(list, conditions.Happy, "NewObservedGenFailure", "unsuccessfully observed a new generation", now);
        }

        return WithConditions(status, list, status.ObservedGeneration);
    }

    private async Task SaveAsync(Work<T, TStatus> work, CancellationToken cancellation)
    {
        var kept = ConditionSet.KeepTimes(StatusOf(work.Resource).Conditions, work.Status.Conditions);
        var status = WithConditions(work.Status, kept, work.Resource.Metadata.Generation);
        var wanted = WithStatus(work.Resource, status);
        for (var attempt = 1; ; attempt++)
        {
            if (ApiEquality.Same(WithStatus(wanted, StatusOf(work.Resource)), wanted))
            {
                return;
            }

            try
            {
                await work.Client.UpdateStatusAsync(type, wanted, cancellation).ConfigureAwait(false);
                return;
            }
            catch (KubernetesException error) when (error.IsNotFound)
            {
                return;
            }
            catch (KubernetesException error) when (error.IsConflict && attempt < Attempts)
            {
                // Metadata moves under us (labels, the webhook's annotations); the status is ours alone, unless the specification is new.
                var newest = await work.Client.GetAsync(type, work.Namespace, work.Name, cancellation).ConfigureAwait(false);
                if (newest.Metadata.Uid != work.Resource.Metadata.Uid || newest.Metadata.Generation != work.Resource.Metadata.Generation
                    || !SameStatus(newest, work.Resource))
                {
                    throw;
                }

                wanted = WithStatus(newest, status);
            }
        }
    }

    private bool SameStatus(T a, T b)
        => JsonElement.DeepEquals(Status(a), Status(b));

    private JsonElement Status(T value)
    {
        var document = JsonSerializer.SerializeToElement(value, type.Json);
        return document.TryGetProperty("status", out var status) ? status : default;
    }
}
