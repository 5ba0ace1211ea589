namespace Serving.Kubernetes.Reconcilers;

/// <summary>
/// The keys that wait for names taken by other objects, so that a change of such an object enqueues them. Invariant: an entry wakes its key
/// once; a key that still cannot use the name adds itself again.
/// </summary>
internal sealed class TakenNames
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Kind, ObjectKey Name), HashSet<ObjectKey>> _waiting = [];

    /// <summary>Registers <paramref name="key"/> to be woken by a change of the object with that kind and name.</summary>
    public void Add(string kind, ObjectKey name, ObjectKey key)
    {
        lock (_gate)
        {
            if (!_waiting.TryGetValue((kind, name), out var keys))
            {
                _waiting[(kind, name)] = keys = [];
            }

            keys.Add(key);
        }
    }

    /// <summary>Removes and returns the keys that wait for this name.</summary>
    public IReadOnlyCollection<ObjectKey> Take(string kind, ObjectKey name)
    {
        lock (_gate)
        {
            return _waiting.Count > 0 && _waiting.Remove((kind, name), out var keys) ? keys : [];
        }
    }
}
