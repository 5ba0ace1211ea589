namespace Serving.Kubernetes.Reconcilers;

/// <summary>
/// Who waits for which name that somebody else has, so that the object which has it finds them when it changes. Invariant: each entry
/// wakes its key once; a key that still cannot have the name enters it again.
/// </summary>
internal sealed class TakenNames
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Kind, ObjectKey Name), HashSet<ObjectKey>> _waiting = [];

    /// <summary>From now on a change of the object of that kind and name finds <paramref name="key"/>.</summary>
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

    /// <summary>Takes out who waits for this name.</summary>
    public IReadOnlyCollection<ObjectKey> Take(string kind, ObjectKey name)
    {
        lock (_gate)
        {
            return _waiting.Count > 0 && _waiting.Remove((kind, name), out var keys) ? keys : [];
        }
    }
}
