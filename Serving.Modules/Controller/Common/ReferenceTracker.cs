using Serving.Kubernetes;

namespace Serving.Controller.Common;

/// <summary>
/// Remembers which objects an object was computed from, so that a change of those finds it. Invariant: a reference is
/// tracked before it is read, so that no change falls between.
/// </summary>
internal sealed class ReferenceTracker
{
    private readonly Lock gate = new();
    private readonly Dictionary<Reference, HashSet<ObjectKey>> followers = [];
    private readonly Dictionary<ObjectKey, HashSet<Reference>> references = [];

    /// <summary>From now on a change of <paramref name="target"/> finds <paramref name="follower"/>.</summary>
    public void Track(ObjectKey follower, string kind, ObjectKey target)
    {
        var reference = new Reference(kind, target);
        lock (gate)
        {
            if (!references.TryGetValue(follower, out var known))
            {
                references[follower] = known = [];
            }

            known.Add(reference);
            if (!followers.TryGetValue(reference, out var keys))
            {
                followers[reference] = keys = [];
            }

            keys.Add(follower);
        }
    }

    /// <summary>Forgets what <paramref name="follower"/> tracked.</summary>
    public void Forget(ObjectKey follower)
    {
        lock (gate)
        {
            if (!references.Remove(follower, out var known))
            {
                return;
            }

            foreach (var reference in known)
            {
                if (followers.TryGetValue(reference, out var keys) && keys.Remove(follower) && keys.Count == 0)
                {
                    followers.Remove(reference);
                }
            }
        }
    }

    /// <summary>Who follows this object.</summary>
    public IReadOnlyList<ObjectKey> FollowersOf(string kind, ObjectKey target)
    {
        lock (gate)
        {
            return followers.TryGetValue(new Reference(kind, target), out var keys) ? [.. keys] : [];
        }
    }

    private readonly record struct Reference(string Kind, ObjectKey Target);
}
