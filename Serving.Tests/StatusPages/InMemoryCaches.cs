using Serving.Api;
using Serving.Kubernetes.Informers;

namespace Serving.Tests.StatusPages;

/// <summary>The caches of a process that a test fills; a kind that it never put is not watched.</summary>
internal sealed class InMemoryCaches : IInformerCaches
{
    private readonly Dictionary<Type, object> _caches = [];

    public IReadOnlyList<InformerState> States { get; set; } = [];

    public ILister<T>? Find<T>(ResourceType<T> type, string? ns = null, string? labelSelector = null)
        where T : class, IKubernetesObject => (ILister<T>?)_caches.GetValueOrDefault(typeof(T));

    /// <summary>Watches a kind.</summary>
    public InformerCache<T> Watch<T>()
        where T : class, IKubernetesObject
    {
        if (!_caches.TryGetValue(typeof(T), out var cache))
        {
            _caches[typeof(T)] = cache = new InformerCache<T>();
        }

        return (InformerCache<T>)cache;
    }

    /// <summary>Puts objects into the cache.</summary>
    public void Put<T>(params IEnumerable<T> values)
        where T : class, IKubernetesObject
    {
        foreach (var value in values)
        {
            Watch<T>().Set(value);
        }
    }
}
