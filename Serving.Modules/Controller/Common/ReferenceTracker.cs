using Serving.Kubernetes;

namespace Serving.Controller.Common;

/// <summary>
/// Remembers which objects an object was computed from, so that a change of those finds it. Invariants: a reference is
/// tracked before it is read, so that no change falls between; what a whole look at the follower did not track again is forgotten, so that
/// it does not grow with every reference there ever was.
/// </summary>
internal sealed class ReferenceTracker
{
    private readonly Lock _gate = new();
    private readonly Dictionary<Reference, HashSet<ObjectKey>> _followers = [];
    private readonly Dictionary<ObjectKey, Look> _looks = [];

    /// <summary>How many references are followed, each counted once a follower.</summary>
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

    /// <summary>Begins to look at a follower anew; nothing is forgotten before <see cref="Settle"/>. One look at a follower at a
    /// time.</summary>
    public void Begin(ObjectKey follower)
    {
        lock (_gate)
        {
            LookAt(follower).Fresh = [];
        }
    }

    /// <summary>From now on a change of <paramref name="target"/> finds <paramref name="follower"/>.</summary>
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

    /// <summary>Ends the look: forgets what was not tracked since <see cref="Begin"/>.</summary>
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

    /// <summary>Forgets what <paramref name="follower"/> tracked.</summary>
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

    /// <summary>Who follows this object.</summary>
    public IReadOnlyList<ObjectKey> FollowersOf(string kind, ObjectKey target)
    {
        lock (_gate)
        {
            return _followers.TryGetValue(new Reference(kind, target), out var keys) ? [.. keys] : [];
        }
    }

    /// <summary>Forgets all, as at the end of a term: who is deleted while another process leads is never asked about here.</summary>
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

    /// <summary>What a follower tracks, and what of it since the look under way began; null while none is.</summary>
    private sealed class Look
    {
        public HashSet<Reference> All { get; set; } = [];

        public HashSet<Reference>? Fresh { get; set; }
    }

    private readonly record struct Reference(string Kind, ObjectKey Target);
}
