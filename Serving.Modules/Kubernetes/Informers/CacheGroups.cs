using Serving.Api;

namespace Serving.Kubernetes.Informers;

/// <summary>The objects of a cache by the values of an index. Not thread-safe.</summary>
/// <param name="valuesOf">The values of an object.</param>
/// <param name="acrossNamespaces">Whether a group has the objects of all namespaces; then they are found in the namespace "".</param>
internal sealed class CacheGroups<T>(Func<T, IEnumerable<string>> valuesOf, bool acrossNamespaces = false)
    where T : class, IKubernetesObject
{
    private readonly Dictionary<(string Namespace, string Value), CacheGroup<T>> _groups = [];

    public IReadOnlyList<T> Find(string ns, string value) => _groups.TryGetValue((ns, value), out var group) ? group.List : [];

    public void Replace(ObjectKey key, T? old, T? value)
    {
        if (value is not null)
        {
            foreach (var at in valuesOf(value))
            {
                if (!_groups.TryGetValue(Place(key, at), out var group))
                {
                    _groups.Add(Place(key, at), group = new CacheGroup<T>());
                }

                group.Set(key, value);
            }
        }

        if (old is not null)
        {
            foreach (var at in valuesOf(old))
            {
                if (value is null || !valuesOf(value).Contains(at))
                {
                    Drop(key, at);
                }
            }
        }
    }

    private void Drop(ObjectKey key, string at)
    {
        if (_groups.TryGetValue(Place(key, at), out var group))
        {
            group.Remove(key);
            if (group.IsEmpty)
            {
                _groups.Remove(Place(key, at));
            }
        }
    }

    private (string Namespace, string Value) Place(ObjectKey key, string at) => (acrossNamespaces ? "" : key.Namespace, at);
}
