using Serving.Api;

namespace Serving.Kubernetes;

/// <summary>
/// Creates the children of an object. Invariant: what comes back is controlled by the owner; a name that somebody else has, and a
/// creation that the server refuses, are told apart from what only needs another try.
/// </summary>
public static class ChildObjects
{
    /// <summary>
    /// The child as it was created, or as it is already when the cache has not heard of it. Throws <see cref="NotOwnedException"/> when the
    /// name is somebody else's, and <see cref="ChildRefusedException"/> when the server does not take it.
    /// </summary>
    /// <param name="client">Writes.</param>
    /// <param name="type">The kind of the child.</param>
    /// <param name="wanted">The child.</param>
    /// <param name="owner">Who must control it.</param>
    /// <param name="cancellation">Ends the attempt.</param>
    public static async Task<Creation<T>> CreateAsync<T>(
        IKubernetesClient client, ResourceType<T> type, T wanted, IKubernetesObject owner, CancellationToken cancellation)
        where T : class, IKubernetesObject
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(type);
        ArgumentNullException.ThrowIfNull(wanted);
        try
        {
            return new Creation<T>(await client.CreateAsync(type, wanted, cancellation).ConfigureAwait(false), IsNew: true);
        }
        catch (KubernetesException refused) when (refused.IsAlreadyExists)
        {
            var existing = await FindAsync(client, type, wanted, refused, cancellation).ConfigureAwait(false);
            return new Creation<T>(EnsureOwned(type, existing, owner), IsNew: false);
        }
        catch (KubernetesException refused) when (refused.IsRefusal)
        {
            throw new ChildRefusedException(type.Kind, ObjectKey.Of(wanted), refused);
        }
    }

    /// <summary>The object, when the owner controls it; else <see cref="NotOwnedException"/>.</summary>
    public static T EnsureOwned<T>(ResourceType<T> type, T existing, IKubernetesObject owner)
        where T : class, IKubernetesObject
    {
        ArgumentNullException.ThrowIfNull(type);
        ArgumentNullException.ThrowIfNull(existing);
        ArgumentNullException.ThrowIfNull(owner);
        return existing.Metadata.OwnerReferences.Any(reference => reference.Controller == true && reference.Uid == owner.Metadata.Uid)
            ? existing
            : throw NotOwnedException.Of(owner, type.Kind, existing);
    }

    private static async Task<T> FindAsync<T>(
        IKubernetesClient client, ResourceType<T> type, T wanted, KubernetesException refused, CancellationToken cancellation)
        where T : class, IKubernetesObject
    {
        try
        {
            return await client.GetAsync(type, type.Namespaced ? wanted.Metadata.Namespace : null, wanted.Metadata.Name, cancellation).ConfigureAwait(false);
        }
        catch (KubernetesException error) when (error.IsNotFound)
        {
            // It went between the two requests: the next try creates it.
            throw refused;
        }
    }
}
