using System.Collections.Immutable;

namespace Serving.LocalCluster.ApiServer.Storage;

/// <summary>
/// The objects of one resource, the last events about them, and who watches. Guarded by <see cref="Gate"/>: events reach every
/// watcher's queue in the order of their revisions.
/// </summary>
internal sealed class Collection(string group, string resource, HistoryBudget budget)
{
    /// <summary>How many events are kept to resume watches from.</summary>
    public const int MaxHistory = 4096;

    private readonly Queue<StoreEvent> _history = new();

    public Lock Gate { get; } = new();

    public string Group { get; } = group;

    public string Resource { get; } = resource;

    /// <summary>Every object by <c>namespace/name</c>; a snapshot costs nothing.</summary>
    public ImmutableSortedDictionary<string, StoredObject> Objects { get; set; } = ImmutableSortedDictionary.Create<string, StoredObject>(StringComparer.Ordinal);

    public List<Watcher> Watchers { get; } = [];

    /// <summary>Watches can resume from revisions at or after this one.</summary>
    public long Compacted { get; set; }

    /// <summary>The revision of the newest event.</summary>
    public long Newest { get; private set; }

    /// <summary>The events kept, oldest first.</summary>
    public IEnumerable<StoreEvent> History => _history;

    /// <summary>How many bytes the events kept hold, about.</summary>
    public long HistoryBytes { get; private set; }

    /// <summary>Forgets the oldest events until at most as many bytes are held. Call under the gate.</summary>
    public void Compact(long most)
    {
        while (HistoryBytes > most && _history.TryDequeue(out var oldest))
            Forget(oldest);
    }

    /// <summary>Keeps an event and tells the watchers. Watchers that cannot keep up are closed: they come back and list.</summary>
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
/// <param name="Kind">Added, Modified or Deleted.</param>
/// <param name="Object">The object after it; for a deletion its last state at the deletion's revision.</param>
/// <param name="Previous">The object before it; null when it was created.</param>
internal sealed record StoreEvent(WatchEventKind Kind, StoredObject Object, StoredObject? Previous)
{
    /// <summary>How many bytes it keeps in memory, about: the object it is about. The one before is that of an event before, or counted here.</summary>
    public long Bytes => Object.Bytes + (Kind == WatchEventKind.Modified ? 0 : Previous?.Bytes ?? 0);
}
