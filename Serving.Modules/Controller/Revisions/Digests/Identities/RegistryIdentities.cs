namespace Serving.Controller.Revisions.Digests.Identities;

/// <summary>The identities of all clouds that are known.</summary>
public static class RegistryIdentities
{
    /// <summary>One for each cloud. None asks anything before a registry of its own wants a login.</summary>
    public static IReadOnlyList<IRegistryIdentity> All(HttpClient http, CloudEndpoints endpoints, TimeProvider time) =>
        [new GoogleIdentity(http, endpoints, time), new AmazonIdentity(http, endpoints, time), new AzureIdentity(http, endpoints, time)];
}
