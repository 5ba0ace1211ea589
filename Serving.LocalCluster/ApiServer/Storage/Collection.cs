using System.Collections.Immutable;

namespace Serving.LocalCluster.ApiServer.Storage;

/// <summary>
/// The objects of one resource, their recent events, and the watchers. Guarded by <see cref="Gate"/>: events are added to every
/// watcher's queue in the order of their revisions.
/// </summary>
internal sealed class Collection(string group, string resource, HistoryBudget budget)
{
    /// <summary>The maximum number of events kept to resume watches from.</summary>
    public const int MaxHistory = 4096;

    private readonly Queue<StoreEvent> _history = new();

    public Lock Gate { get; } = new();

    public string Group { get; } = group;

    public string Resource { get; } = resource;

    /// <summary>All objects by <c>namespace/name</c>; immutable, so snapshots are free.</summary>
    public ImmutableSortedDictionary<string, StoredObject> Objects { get; set; } =
        ImmutableSortedDictionary.Create<string, StoredObject>(StringComparer.Ordinal);

    public List<Watcher> Watchers { get; } = [];

    /// <summary>The oldest revision from which a watch can resume.</summary>
    public long Compacted { get; set; }

    /// <summary>The revision of the newest event.</summary>
    public long Newest { get; private set; }

    /// <summary>The events kept, oldest first.</summary>
    public IEnumerable<StoreEvent> History => _history;

    /// <summary>The approximate bytes of the events kept.</summary>
    public long HistoryBytes { get; private set; }

    /// <summary>Drops the oldest events until at most this many bytes are kept. Call under the gate.</summary>
    public void Compact(long most)
    {
        while (HistoryBytes > most && _history.TryDequeue(out var oldest))
            Forget(oldest);
    }

    /// <summary>Adds an event and notifies the watchers. Watchers that cannot keep up are closed: their clients list again.</summary>
    public void Publish(StoreEvent happened)
    {
        Newest = happened.Object.Revision;
        _history.Enqueue(happened);
        HistoryBytes += happened.Bytes;
        budget.Add(happened.Bytes);
        if (_history.Count > MaxHistory)
            Forget(_history.Dequeue());
        for (var i = Watchers.Count - 1; i >= 0; i--)
        {
            if (!Watchers[i].Offer(happened))
                Watchers.RemoveAt(i);
        }
    }

    private void Forget(StoreEvent oldest)
    {
        Compacted = oldest.Object.Revision;
        HistoryBytes -= oldest.Bytes;
        budget.Add(-oldest.Bytes);
    }
}

/// <summary>One change.</summary>
/// <param name="Kind">The type of the event: Added, Modified or Deleted.</param>
/// <param name="Object">The object after the change; for a deletion its last state, with the deletion's revision.</param>
/// <param name="Previous">The object before the change; null for a create.</param>
internal sealed record StoreEvent(WatchEventKind Kind, StoredObject Object, StoredObject? Previous)
{
    /// <summary>The approximate bytes that it keeps in memory: the object, and the previous one unless an earlier event counts
    /// it.</summary>
    public long Bytes => Object.Bytes + (Kind == WatchEventKind.Modified ? 0 : Previous?.Bytes ?? 0);
}
