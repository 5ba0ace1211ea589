using Serving.Api;

namespace Serving.Kubernetes.Informers;

/// <summary>
/// Declares an index of a cache: by which values its objects are looked up. The consumer keeps one instance, and the first look-up
/// (<see cref="ILister{T}.ByIndex"/>) builds the index, so that a cache maintains only the indexes that somebody reads.
/// </summary>
/// <param name="valuesOf">The values of an object, each once; a pure function.</param>
public sealed class CacheIndex<T>(Func<T, IEnumerable<string>> valuesOf)
    where T : class, IKubernetesObject
{
    internal IEnumerable<string> ValuesOf(T value) => valuesOf(value);
}
