using Serving.Api;

namespace Serving.Kubernetes.Informers;

/// <summary>
/// The cache behind a lister. Its lock is held for a dictionary operation, never while other code runs. Invariants: each read sees the
/// state between two writes; only what has been looked up is indexed, so a write costs the same however many labels an object has; a list
/// that was returned never changes.
/// </summary>
public sealed class InformerCache<T> : ILister<T>
    where T : class, IKubernetesObject
{
    /// <summary>The most labels that are indexed. Selectors of users may name any label: beyond this, the objects of a namespace are
    /// searched.</summary>
    private const int MostLabels = 16;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, CacheGroup<T>> _namespaces = [];
    private readonly Dictionary<string, CacheGroups<T>> _byLabel = [];
    private readonly Dictionary<CacheIndex<T>, CacheGroups<T>> _byIndex = [];
    private CacheGroups<T>? _byOwner;
    private T[]? _all;
    private int _count;

    /// <summary>The number of objects.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <inheritdoc/>
    public T? Get(string ns, string name)
    {
        lock (_gate)
        {
            return GetLocked(new ObjectKey(ns, name));
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<T> List(string? ns = null)
    {
        lock (_gate)
        {
            return ns is null ? AllLocked()
                : _namespaces.TryGetValue(ns, out var objects) ? objects.List
                : [];
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<T> ByLabel(string ns, string key, string value)
    {
        lock (_gate)
        {
            return _byLabel.TryGetValue(key, out var groups) ? groups.Find(ns, value)
                : _byLabel.Count < MostLabels ? (_byLabel[key] = BuildLocked(LabelOf(key))).Find(ns, value)
                : SearchLocked(ns, key, value);
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<T> ByOwner(string uid)
    {
        lock (_gate)
        {
            _byOwner ??= BuildLocked(
                static candidate => candidate.Metadata.OwnerReferences.Select(static owner => owner.Uid),
                acrossNamespaces: true
            );
            return _byOwner.Find("", uid);
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<T> ByIndex(CacheIndex<T> index, string ns, string value)
    {
        ArgumentNullException.ThrowIfNull(index);
        lock (_gate)
        {
            if (!_byIndex.TryGetValue(index, out var groups))
            {
                _byIndex[index] = groups = BuildLocked(index.ValuesOf);
            }

            return groups.Find(ns, value);
        }
    }

    /// <summary>Adds or replaces an object; returns the previous one. One writer at a time.</summary>
    public T? Set(T value)
    {
        ArgumentNullException.ThrowIfNull(value);
        var key = ObjectKey.Of(value);
        lock (_gate)
        {
            var old = GetLocked(key);
            if (!_namespaces.TryGetValue(key.Namespace, out var objects))
            {
                _namespaces[key.Namespace] = objects = new CacheGroup<T>();
            }

            objects.Set(key, value);
            _count += old is null ? 1 : 0;
            IndexLocked(key, old, value);
            return old;
        }
    }

    /// <summary>Removes an object; returns it. One writer at a time.</summary>
    public T? Remove(ObjectKey key)
    {
        lock (_gate)
        {
            if (GetLocked(key) is not { } old)
            {
                return null;
            }

            var objects = _namespaces[key.Namespace];
            objects.Remove(key);
            _count--;
            if (objects.IsEmpty)
            {
                _namespaces.Remove(key.Namespace);
            }

            IndexLocked(key, old, null);
            return old;
        }
    }

    private T? GetLocked(ObjectKey key) => _namespaces.TryGetValue(key.Namespace, out var objects) ? objects.Get(key) : null;

    private T[] AllLocked() => _all ??= [.. _namespaces.Values.SelectMany(static objects => objects.List)];

    private void IndexLocked(ObjectKey key, T? old, T? value)
    {
        _all = null;
        _byOwner?.Replace(key, old, value);
        foreach (var groups in _byLabel.Values)
        {
            groups.Replace(key, old, value);
        }

        foreach (var groups in _byIndex.Values)
        {
            groups.Replace(key, old, value);
        }
    }

    private static Func<T, IEnumerable<string>> LabelOf(string key) =>
        value => value.Metadata.Labels.TryGetValue(key, out var label) ? (string[])[label] : [];

    private T[] SearchLocked(string ns, string key, string label) =>
        _namespaces.TryGetValue(ns, out var objects)
            ? [.. objects.List.Where(value => value.Metadata.Labels.GetValueOrDefault(key) == label)]
            : [];

    private CacheGroups<T> BuildLocked(Func<T, IEnumerable<string>> valuesOf, bool acrossNamespaces = false)
    {
        var groups = new CacheGroups<T>(valuesOf, acrossNamespaces);
        foreach (var value in AllLocked())
        {
            groups.Replace(ObjectKey.Of(value), null, value);
        }

        return groups;
    }
}
