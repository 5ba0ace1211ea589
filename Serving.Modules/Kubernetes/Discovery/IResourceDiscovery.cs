using Serving.Api;

namespace Serving.Kubernetes.Discovery;

/// <summary>Finds the kinds that the API server serves.</summary>
public interface IResourceDiscovery
{
    /// <summary>Every resource in its group's preferred version, with its verbs; resources of a broken group are left out.</summary>
    Task<IReadOnlyList<DiscoveredResource>> ListAsync(CancellationToken cancellation);

    /// <summary>The resource of a kind, or null when the server does not know it.</summary>
    Task<ResourceType?> FindAsync(string apiVersion, string kind, CancellationToken cancellation);

    /// <summary>Whether the server has a resource or subresource, such as <c>pods/resize</c>; it is asked each time.</summary>
    Task<bool> ServesAsync(string apiVersion, string resource, CancellationToken cancellation);
}

/// <summary>A resource of the server and its verbs (<c>get</c>, <c>list</c>, <c>watch</c>, <c>delete</c> …).</summary>
public sealed record DiscoveredResource(ResourceType Type, IReadOnlyList<string> Verbs);
