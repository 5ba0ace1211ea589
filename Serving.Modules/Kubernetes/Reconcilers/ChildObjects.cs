using Serving.Api;
using Serving.Kubernetes.Client;

namespace Serving.Kubernetes.Reconcilers;

/// <summary>
/// Brings the children of an object to what it wants. Invariant: what comes back is controlled by the owner; a name that somebody else has
/// (<see cref="NotOwnedException"/>) and a creation that the server refuses (<see cref="ChildRefusedException"/>) are told apart from what
/// only needs another try.
/// </summary>
public static class ChildObjects
{
    /// <summary>
    /// Creates the child, or updates it when what would be written differs. A child that exists though the cache does not have it yet is
    /// read and updated like any other.
    /// </summary>
    /// <param name="client">Writes.</param>
    /// <param name="type">The kind of the child.</param>
    /// <param name="owner">Who must control it.</param>
    /// <param name="cached">The child as the cache has it; null when it has none.</param>
    /// <param name="wanted">The child as it is created.</param>
    /// <param name="update">From the existing child and the wanted one: the existing one with what the owner decides. All else belongs to
    /// others and stays.</param>
    /// <param name="cancellation">Ends the attempt.</param>
    /// <param name="events">How the owner reports it, if it does.</param>
    /// <param name="writing">Called before each write with what is about to be done.</param>
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

    /// <summary>The child as it was created, or unchanged as it is already when the cache has not heard of it.</summary>
    /// <param name="client">Writes.</param>
    /// <param name="type">The kind of the child.</param>
    /// <param name="wanted">The child.</param>
    /// <param name="owner">Who must control it.</param>
    /// <param name="cancellation">Ends the attempt.</param>
    /// <param name="events">How the owner reports it, if it does.</param>
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

    /// <summary>The object as it was created, or unchanged as it is already, whoever controls it.</summary>
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

    /// <summary>Deletes an object; false when it is gone already, which is what was wanted.</summary>
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

    /// <summary>The object, when the owner controls it; else <see cref="NotOwnedException"/>.</summary>
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
            // It went between the two requests: the next try creates it.
            throw refused;
        }
    }
}
