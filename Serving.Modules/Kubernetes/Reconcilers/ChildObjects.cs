using Serving.Api;
using Serving.Kubernetes.Client;

namespace Serving.Kubernetes.Reconcilers;

/// <summary>
/// Creates and updates the children of an object. Invariant: a returned child is controlled by the owner. A name that another owner uses
/// (<see cref="NotOwnedException"/>) and a creation that the server rejects (<see cref="ChildRefusedException"/>) are distinguished from
/// failures that only need a retry.
/// </summary>
public static class ChildObjects
{
    /// <summary>
    /// Creates the child, or updates it when it differs from what would be written. A child that exists but is not in the cache yet is read
    /// and updated like any other.
    /// </summary>
    /// <param name="client">Writes the child.</param>
    /// <param name="type">The kind of the child.</param>
    /// <param name="owner">The object that must control it.</param>
    /// <param name="cached">The child in the cache; null when it is not there.</param>
    /// <param name="wanted">The child to create.</param>
    /// <param name="update">Sets the fields that the owner decides on the existing child, from the wanted one. All other fields stay
    /// unchanged.</param>
    /// <param name="cancellation">Cancels the operation.</param>
    /// <param name="events">The owner's events about it, if any.</param>
    /// <param name="writing">Called before each write with the outcome it will have.</param>
    public static async Task<Child<T>> EnsureAsync<T>(
        IKubernetesClient client,
        ResourceType<T> type,
        IKubernetesObject owner,
        T? cached,
        T wanted,
        Func<T, T, T> update,
        CancellationToken cancellation,
        ChildEvents? events = null,
        Action<ChildOutcome>? writing = null
    )
        where T : class, IKubernetesObject
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(update);
        var existing = cached;
        if (existing is null)
        {
            writing?.Invoke(ChildOutcome.Created);
            var child = await CreateAsync(client, type, wanted, owner, cancellation, events);
            if (child.Outcome == ChildOutcome.Created)
            {
                return child;
            }

            existing = child.Object;
        }

        var updated = update(EnsureOwned(type, existing, owner), wanted);
        if (ApiEquality.Same(existing, updated))
        {
            return new Child<T>(existing, ChildOutcome.Unchanged);
        }

        writing?.Invoke(ChildOutcome.Updated);
        try
        {
            var written = await client.UpdateAsync(type, updated, cancellation);
            events?.Updated(owner);
            return new Child<T>(written, ChildOutcome.Updated);
        }
        catch (KubernetesException failure) when (events is not null)
        {
            events.UpdateFailed(owner, failure);
            throw;
        }
    }

    /// <summary>The created child, or the existing one unchanged when the cache does not contain it yet.</summary>
    /// <param name="client">Writes the child.</param>
    /// <param name="type">The kind of the child.</param>
    /// <param name="wanted">The child.</param>
    /// <param name="owner">The object that must control it.</param>
    /// <param name="cancellation">Cancels the operation.</param>
    /// <param name="events">The owner's events about it, if any.</param>
    public static async Task<Child<T>> CreateAsync<T>(
        IKubernetesClient client,
        ResourceType<T> type,
        T wanted,
        IKubernetesObject owner,
        CancellationToken cancellation,
        ChildEvents? events = null
    )
        where T : class, IKubernetesObject
    {
        Child<T> child;
        try
        {
            child = await CreateOrFindAsync(client, type, wanted, cancellation);
        }
        catch (ChildRefusedException refused) when (events is not null)
        {
            events.Refused(owner, refused.Refusal);
            throw;
        }

        if (child.Outcome == ChildOutcome.Created)
        {
            events?.Created(owner, child.Object);
            return child;
        }

        EnsureOwned(type, child.Object, owner);
        return child;
    }

    /// <summary>The created object, or the existing one unchanged, whoever controls it.</summary>
    public static async Task<Child<T>> CreateOrFindAsync<T>(
        IKubernetesClient client,
        ResourceType<T> type,
        T wanted,
        CancellationToken cancellation
    )
        where T : class, IKubernetesObject
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(type);
        ArgumentNullException.ThrowIfNull(wanted);
        try
        {
            return new Child<T>(await client.CreateAsync(type, wanted, cancellation), ChildOutcome.Created);
        }
        catch (KubernetesException refused) when (refused.IsAlreadyExists)
        {
            return new Child<T>(await FindAsync(client, type, wanted, refused, cancellation), ChildOutcome.Unchanged);
        }
        catch (KubernetesException refused) when (refused.IsRefusal)
        {
            throw new ChildRefusedException(type.Kind, ObjectKey.Of(wanted), refused);
        }
    }

    /// <summary>Deletes an object; false when it did not exist any more.</summary>
    public static async Task<bool> DeleteAsync<T>(
        IKubernetesClient client,
        ResourceType<T> type,
        string? ns,
        string name,
        CancellationToken cancellation,
        DeleteOptions? options = null
    )
        where T : class, IKubernetesObject
    {
        ArgumentNullException.ThrowIfNull(client);
        try
        {
            await client.DeleteAsync(type, ns, name, cancellation, options);
            return true;
        }
        catch (KubernetesException error) when (error.IsNotFound)
        {
            return false;
        }
    }

    /// <summary>Deletes this very object; false when it did not exist any more, or another one has its name.</summary>
    public static async Task<bool> DeleteAsync<T>(
        IKubernetesClient client,
        ResourceType<T> type,
        T existing,
        CancellationToken cancellation
    )
        where T : class, IKubernetesObject
    {
        ArgumentNullException.ThrowIfNull(existing);
        var meta = existing.Metadata;
        try
        {
            return await DeleteAsync(client, type, meta.Namespace, meta.Name, cancellation, new DeleteOptions(Uid: meta.Uid));
        }
        catch (KubernetesException error) when (error.IsConflict)
        {
            return false;
        }
    }

    /// <summary>The object when the owner controls it; otherwise throws <see cref="NotOwnedException"/>.</summary>
    public static T EnsureOwned<T>(ResourceType<T> type, T existing, IKubernetesObject owner)
        where T : class, IKubernetesObject
    {
        ArgumentNullException.ThrowIfNull(type);
        return existing.IsControlledBy(owner) ? existing : throw NotOwnedException.Of(owner, type.Kind, existing);
    }

    private static async Task<T> FindAsync<T>(
        IKubernetesClient client,
        ResourceType<T> type,
        T wanted,
        KubernetesException refused,
        CancellationToken cancellation
    )
        where T : class, IKubernetesObject
    {
        try
        {
            return await client.GetAsync(type, type.Namespaced ? wanted.Metadata.Namespace : null, wanted.Metadata.Name, cancellation);
        }
        catch (KubernetesException error) when (error.IsNotFound)
        {
            // It was deleted between the two requests: the retry creates it.
            throw refused;
        }
    }
}
