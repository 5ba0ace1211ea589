using Serving.Api;

namespace Serving.Kubernetes.Informers;

/// <summary>
/// Objects of a cache that are listed together. Most groups, such as the Revisions of a Configuration, have a handful of objects: these are
/// one array. A larger group is a dictionary, and its list is made when it is read. Invariant: a list that was returned never changes. Not
/// thread-safe.
/// </summary>
internal sealed class CacheGroup<T>
    where T : class, IKubernetesObject
{
    private const int MostInArray = 8;

    // Null while the dictionary has changed since it was listed.
    private T[]? _list = [];
    private Dictionary<ObjectKey, T>? _byKey;

    public bool IsEmpty => _byKey is null ? _list!.Length == 0 : _byKey.Count == 0;

    public IReadOnlyList<T> List => _list ??= [.. _byKey!.Values];

    public T? Get(ObjectKey key)
    {
        if (_byKey is not null)
        {
            return _byKey.GetValueOrDefault(key);
        }

        var index = IndexOf(key);
        return index < 0 ? null : _list![index];
    }

    public void Set(ObjectKey key, T value)
    {
        if (_byKey is null)
        {
            var index = IndexOf(key);
            if (index >= 0)
            {
                _list = [.. _list!];
                _list[index] = value;
                return;
            }

            if (_list!.Length < MostInArray)
            {
                _list = [.. _list, value];
                return;
            }

            _byKey = _list.ToDictionary(static known => ObjectKey.Of(known));
        }

        _byKey[key] = value;
        _list = null;
    }

    public void Remove(ObjectKey key)
    {
        if (_byKey is not null)
        {
            _byKey.Remove(key);
            _list = null;
            if (_byKey.Count <= MostInArray / 2)
            {
                (_list, _byKey) = ([.. _byKey.Values], null);
            }
        }
        else if (IndexOf(key) is >= 0 and var index)
        {
            _list = [.. _list![..index], .. _list[(index + 1)..]];
        }
    }

    private int IndexOf(ObjectKey key)
    {
        for (var i = 0; i < _list!.Length; i++)
        {
            var meta = _list[i].Metadata;
            if (meta.Name == key.Name && meta.Namespace == key.Namespace)
            {
                return i;
            }
        }

        return -1;
    }
}
