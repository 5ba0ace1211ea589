using Serving.Api;

namespace Serving.Kubernetes.Discovery;

/// <summary>Asks the API server which kinds it knows.</summary>
public interface IResourceDiscovery
{
    /// <summary>Every resource in its group's preferred version, with its verbs; what a broken group would add is left out.</summary>
    Task<IReadOnlyList<DiscoveredResource>> ListAsync(CancellationToken cancellation);

    /// <summary>The resource of a kind, or null when the server does not know it.</summary>
    Task<ResourceType?> FindAsync(string apiVersion, string kind, CancellationToken cancellation);
}

/// <summary>A resource the server knows and what can be done with it (<c>get</c>, <c>list</c>, <c>watch</c>, <c>delete</c> …).</summary>
public sealed record DiscoveredResource(ResourceType Type, IReadOnlyList<string> Verbs);
