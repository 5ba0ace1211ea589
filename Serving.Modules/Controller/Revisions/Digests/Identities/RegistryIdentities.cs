namespace Serving.Controller.Revisions.Digests.Identities;

/// <summary>The identities of all supported clouds.</summary>
public static class RegistryIdentities
{
    /// <summary>One per cloud. None sends a request before a registry of its cloud requires a login.</summary>
    public static IReadOnlyList<IRegistryIdentity> All(HttpClient http, CloudEndpoints endpoints, TimeProvider time) =>
        [new GoogleIdentity(http, endpoints, time), new AmazonIdentity(http, endpoints, time), new AzureIdentity(http, endpoints, time)];
}
