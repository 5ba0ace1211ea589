using Serving.Kubernetes;

namespace Serving.Controller.Common;

/// <summary>
/// Tracks the references of objects, so that a change of a referenced object enqueues its followers. Invariants: a reference is tracked
/// before it is read, so that no change is missed; references that a complete reconcile of the follower did not track again are removed, so
/// that old references do not accumulate.
/// </summary>
internal sealed class ReferenceTracker
{
    private readonly Lock _gate = new();
    private readonly Dictionary<Reference, HashSet<ObjectKey>> _followers = [];
    private readonly Dictionary<ObjectKey, Look> _looks = [];

    /// <summary>The number of tracked references, counted per follower.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _looks.Values.Sum(static look => look.All.Count);
            }
        }
    }

    /// <summary>Starts a reconcile of a follower; nothing is removed before <see cref="Settle"/>. Reconciles of a follower must not
    /// overlap.</summary>
    public void Begin(ObjectKey follower)
    {
        lock (_gate)
        {
            LookAt(follower).Fresh = [];
        }
    }

    /// <summary>Tracks <paramref name="target"/>: a change of it enqueues <paramref name="follower"/>.</summary>
    public void Track(ObjectKey follower, string kind, ObjectKey target)
    {
        var reference = new Reference(kind, target);
        lock (_gate)
        {
            var look = LookAt(follower);
            look.All.Add(reference);
            look.Fresh?.Add(reference);
            if (!_followers.TryGetValue(reference, out var keys))
            {
                _followers[reference] = keys = [];
            }

            keys.Add(follower);
        }
    }

    /// <summary>Ends the reconcile: removes references that were not tracked since <see cref="Begin"/>.</summary>
    public void Settle(ObjectKey follower)
    {
        lock (_gate)
        {
            if (!_looks.TryGetValue(follower, out var look) || look.Fresh is not { } fresh)
            {
                return;
            }

            foreach (var stale in look.All.Where(reference => !fresh.Contains(reference)).ToList())
            {
                Unfollow(follower, stale);
            }

            (look.All, look.Fresh) = (fresh, null);
            if (fresh.Count == 0)
            {
                _looks.Remove(follower);
            }
        }
    }

    /// <summary>Removes all references of <paramref name="follower"/>.</summary>
    public void Forget(ObjectKey follower)
    {
        lock (_gate)
        {
            if (!_looks.Remove(follower, out var look))
            {
                return;
            }

            foreach (var reference in look.All)
            {
                Unfollow(follower, reference);
            }
        }
    }

    /// <summary>The followers of this object.</summary>
    public IReadOnlyList<ObjectKey> FollowersOf(string kind, ObjectKey target)
    {
        lock (_gate)
        {
            return _followers.TryGetValue(new Reference(kind, target), out var keys) ? [.. keys] : [];
        }
    }

    /// <summary>Removes everything, at the end of a term: objects deleted while another process leads are never reconciled here.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            _looks.Clear();
            _followers.Clear();
        }
    }

    private Look LookAt(ObjectKey follower)
    {
        if (!_looks.TryGetValue(follower, out var look))
        {
            _looks[follower] = look = new Look();
        }

        return look;
    }

    private void Unfollow(ObjectKey follower, Reference reference)
    {
        if (_followers.TryGetValue(reference, out var keys) && keys.Remove(follower) && keys.Count == 0)
        {
            _followers.Remove(reference);
        }
    }

    /// <summary>The references of a follower, and those tracked since the current reconcile began; null when there is none.</summary>
    private sealed class Look
    {
        public HashSet<Reference> All { get; set; } = [];

        public HashSet<Reference>? Fresh { get; set; }
    }

    private readonly record struct Reference(string Kind, ObjectKey Target);
}
