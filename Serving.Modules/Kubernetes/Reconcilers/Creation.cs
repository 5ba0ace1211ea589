using Serving.Api;

namespace Serving.Kubernetes;

/// <summary>A child that was to be created.</summary>
/// <param name="Object">The child.</param>
/// <param name="IsNew">Whether it was created now; else it was there already, and the cache has not heard of it.</param>
public readonly record struct Creation<T>(T Object, bool IsNew)
    where T : class, IKubernetesObject;
