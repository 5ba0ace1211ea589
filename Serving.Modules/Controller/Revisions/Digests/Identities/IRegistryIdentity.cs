namespace Serving.Controller.Revisions.Digests.Identities;

/// <summary>The identity of this machine or pod at the registries of one cloud, without a pull secret.</summary>
public interface IRegistryIdentity
{
    /// <summary>The name of the cloud, for logs.</summary>
    string Name { get; }

    /// <summary>Whether the registry (host with port, if any) belongs to this cloud.</summary>
    bool Recognises(string registry);

    /// <summary>
    /// The credential for a recognised registry, or null when the machine has none. Bounded in time; throws <see cref="IdentityException"/>
    /// when the cloud does not provide one.
    /// </summary>
    ValueTask<RegistryCredential?> CredentialAsync(string registry, CancellationToken cancellation);
}
