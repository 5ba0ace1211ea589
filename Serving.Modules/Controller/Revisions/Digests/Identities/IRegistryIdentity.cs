namespace Serving.Controller.Revisions.Digests.Identities;

/// <summary>What this machine or pod may show to the registries of one cloud, without any pull secret.</summary>
public interface IRegistryIdentity
{
    /// <summary>Whose identity it is, for logs.</summary>
    string Name { get; }

    /// <summary>Whether the registry (host with port, if any) is one of this cloud's.</summary>
    bool Recognises(string registry);

    /// <summary>
    /// The login for a registry that it recognises, null when the machine has none. Bounded in time; throws
    /// <see cref="IdentityException"/> when the cloud gives none.
    /// </summary>
    ValueTask<RegistryCredential?> CredentialAsync(string registry, CancellationToken cancellation);
}
