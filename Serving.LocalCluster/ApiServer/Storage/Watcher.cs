using System.Threading.Channels;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Storage;

/// <summary>An open watch: a bounded queue of the events that match its selector.</summary>
internal sealed class Watcher(ObjectStore store, Collection collection, string? ns, Selector selector) : IDisposable
{
    private const int Capacity = 2048;

    // Queued objects may no longer be referenced from elsewhere.
    private const long MaxBytes = 16L << 20;

    private readonly Channel<WatchRecord> _queue = Channel.CreateUnbounded<WatchRecord>(
        new UnboundedChannelOptions { SingleReader = true }
    );
    private int _queued;
    private long _bytes;

    /// <summary>The events; ends when the watcher falls behind or the server stops.</summary>
    public ChannelReader<WatchRecord> Records => _queue.Reader;

    /// <summary>Counts a record as taken from <see cref="Records"/>.</summary>
    public void Taken(WatchRecord record)
    {
        Interlocked.Decrement(ref _queued);
        if (record is { IsInitial: false, Object: { } taken })
            Interlocked.Add(ref _bytes, -taken.Bytes);
    }

    /// <summary>Queues an event if it is visible to this watcher; false when the watcher has fallen too far behind and is closed. Called
    /// in order, under the collection's gate.</summary>
    public bool Offer(StoreEvent happened)
    {
        var now = happened.Kind != WatchEventKind.Deleted && Sees(happened.Object);
        var before = happened.Previous is not null && Sees(happened.Previous);
        if (!now && !before)
            return true;
        var kind =
            !now ? WatchEventKind.Deleted
            : before ? WatchEventKind.Modified
            : WatchEventKind.Added;
        return Enqueue(new WatchRecord(kind, happened.Object));
    }

    /// <summary>Queues an initial object; initial objects do not count against the queue's bound.</summary>
    public void OfferInitial(StoredObject existing)
    {
        if (!Sees(existing))
            return;
        Interlocked.Increment(ref _queued);
        _queue.Writer.TryWrite(new WatchRecord(WatchEventKind.Added, existing, IsInitial: true));
        _initial++;
    }

    /// <summary>Queues a bookmark.</summary>
    public void OfferBookmark(WatchEventKind kind, long revision)
    {
        Interlocked.Increment(ref _queued);
        _queue.Writer.TryWrite(new WatchRecord(kind, null, revision));
    }

    /// <summary>The revision up to which all events were delivered, or null while records are queued.</summary>
    public long? SettledRevision()
    {
        lock (collection.Gate)
            return Volatile.Read(ref _queued) == 0 ? store.RevisionOf(collection) : null;
    }

    /// <summary>Ends the stream.</summary>
    public void Close() => _queue.Writer.TryComplete();

    public void Dispose()
    {
        lock (collection.Gate)
            collection.Watchers.Remove(this);
        Close();
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            store.Ended();
    }

    private int _initial;
    private int _disposed;

    private bool Enqueue(WatchRecord record)
    {
        var bytes = Interlocked.Add(ref _bytes, record.Object?.Bytes ?? 0);
        if (Interlocked.Increment(ref _queued) > Capacity + _initial || (bytes > MaxBytes && bytes > record.Object!.Bytes))
        {
            Close();
            return false;
        }

        return _queue.Writer.TryWrite(record);
    }

    private bool Sees(StoredObject candidate) => (ns is null || candidate.Namespace == ns) && selector.Matches(candidate);
}

/// <summary>One queued event of a watcher.</summary>
internal readonly record struct WatchRecord(WatchEventKind Kind, StoredObject? Object, long Revision = 0, bool IsInitial = false);
