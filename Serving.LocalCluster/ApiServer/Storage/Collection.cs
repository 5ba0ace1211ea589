using System.Collections.Immutable;

namespace Serving.LocalCluster.ApiServer.Storage;

/// <summary>
/// The objects of one resource, the last events about them, and who watches. Guarded by <see cref="Gate"/>: events reach every
/// watcher's queue in the order of their revisions.
/// </summary>
internal sealed class Collection(string group, string resource)
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

    /// <summary>Keeps an event and tells the watchers. Watchers that cannot keep up are closed: they come back and list.</summary>
    public void Publish(StoreEvent happened)
    {
        Newest = happened.Object.Revision;
        _history.Enqueue(happened);
        if (_history.Count > MaxHistory)
            Compacted = _history.Dequeue().Object.Revision;
        for (var i = Watchers.Count - 1; i >= 0; i--)
        {
            if (!Watchers[i].Offer(happened))
                Watchers.RemoveAt(i);
        }
    }
}

/// <summary>One change.</summary>
/// <param name="Kind">Added, Modified or Deleted.</param>
/// <param name="Object">The object after it; for a deletion its last state at the deletion's revision.</param>
/// <param name="Previous">The object before it; null when it was created.</param>
internal sealed record StoreEvent(WatchEventKind Kind, StoredObject Object, StoredObject? Previous);
