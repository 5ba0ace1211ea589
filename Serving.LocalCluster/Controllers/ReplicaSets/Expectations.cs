using Serving.Kubernetes;

namespace Serving.LocalCluster.Controllers.ReplicaSets;

/// <summary>
/// Remembers pods that were created or deleted before the cache shows it, so that a ReplicaSet does not act twice on the same
/// state. Invariant: an expectation is kept until the cache shows it, or for <see cref="ExpiresAfter"/>, also for deleted ReplicaSets.
/// </summary>
internal sealed class Expectations(TimeProvider time)
{
    /// <summary>How long to wait for an event.</summary>
    public static readonly TimeSpan ExpiresAfter = TimeSpan.FromSeconds(30);

    private const int FirstPrune = 256;

    private readonly Lock _gate = new();
    private readonly Dictionary<(string Owner, string Pod, bool Create), long> _pending = [];
    private int _pruneAt = FirstPrune;

    /// <summary>The number of pending expectations.</summary>
    internal int Count
    {
        get
        {
            lock (_gate)
            {
                return _pending.Count;
            }
        }
    }

    /// <summary>Expects to see a pod of <paramref name="owner"/> (a uid) appear.</summary>
    public void ExpectCreate(string owner, ObjectKey pod) => Add((owner, pod.ToString(), true));

    /// <summary>Expects to see a pod of <paramref name="owner"/> (a uid) deleted.</summary>
    public void ExpectDelete(string owner, ObjectKey pod) => Add((owner, pod.ToString(), false));

    /// <summary>The pod was seen, or was not created.</summary>
    public void Created(string owner, ObjectKey pod) => Remove((owner, pod.ToString(), true));

    /// <summary>The pod's deletion was seen, or it did not exist.</summary>
    public void Deleted(string owner, ObjectKey pod) => Remove((owner, pod.ToString(), false));

    /// <summary>Whether everything expected for <paramref name="owner"/> has been seen.</summary>
    public bool Met(string owner)
    {
        lock (_gate)
        {
            foreach (var (key, since) in _pending.Where(entry => entry.Key.Owner == owner).ToList())
            {
                if (time.GetElapsedTime(since) < ExpiresAfter)
                {
                    return false;
                }

                _pending.Remove(key);
            }

            return true;
        }
    }

    private void Add((string, string, bool) key)
    {
        lock (_gate)
        {
            _pending[key] = time.GetTimestamp();
            if (_pending.Count < _pruneAt)
            {
                return;
            }

            // Expired expectations of ReplicaSets that are no longer reconciled.
            foreach (
                var old in _pending
                    .Where(entry => time.GetElapsedTime(entry.Value) >= ExpiresAfter)
                    .Select(static entry => entry.Key)
                    .ToList()
            )
            {
                _pending.Remove(old);
            }

            _pruneAt = Math.Max(FirstPrune, 2 * _pending.Count);
        }
    }

    private void Remove((string, string, bool) key)
    {
        lock (_gate)
        {
            _pending.Remove(key);
        }
    }
}
