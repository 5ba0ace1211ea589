using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Storage;

/// <summary>
/// All objects, in memory, with one increasing revision; persistent objects are passed to the database. Writes are
/// compare-and-swap on the revision that was read.
/// </summary>
internal sealed class ObjectStore
{
    private readonly ConcurrentDictionary<string, Collection> _collections = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<long, ImmutableSortedDictionary<string, StoredObject>> _pages = new();
    private readonly ConcurrentQueue<(long Key, long Bytes)> _pageOrder = new();
    private readonly HistoryBudget _history = new();
    private readonly StateDatabase _database;
    private long _revision;
    private long _pageBytes;
    private long _bytes;
    private int _watchers;

    /// <summary>The maximum bytes of JSON of all objects together; etcd's default would exceed the memory of a small machine.</summary>
    public const long MaxBytes = 512L << 20;

    /// <summary>The maximum number of watches.</summary>
    public const int MaxWatches = 10_000;

    /// <summary>The maximum number of objects of kind Event.</summary>
    public const int MaxEvents = 10_000;

    private const int MaxPages = 64;
    private const long MaxPageBytes = 64L << 20;

    /// <summary>Loads the objects of the database.</summary>
    public ObjectStore(StateDatabase database, TimeProvider time)
    {
        _database = database;
        Time = time;
        _revision = Math.Max(1, database.LastRevision);
        foreach (var (group, resource, document) in database.Load())
        {
            var collection = Of(group, resource);
            var stored = StoredObject.Create(
                document,
                long.Parse(document.String("metadata", "resourceVersion")!, System.Globalization.CultureInfo.InvariantCulture)
            );
            collection.Objects = collection.Objects.SetItem(Key(stored.Namespace, stored.Name), stored);
            _revision = Math.Max(_revision, stored.Revision);
            _bytes += stored.Json.Length;
        }

        foreach (var collection in _collections.Values)
            collection.Compacted = _revision;
        FirstRevision = _revision;
    }

    public TimeProvider Time { get; }

    /// <summary>The latest revision.</summary>
    public long Revision => Interlocked.Read(ref _revision);

    /// <summary>The approximate bytes of the events of all collections.</summary>
    public long HistoryBytes => _history.Held;

    /// <summary>The revision at the start of this process: no watch can resume from before it.</summary>
    public long FirstRevision { get; }

    /// <summary>One object, or null.</summary>
    public StoredObject? Get(string group, string resource, string ns, string name) =>
        Of(group, resource).Objects.GetValueOrDefault(Key(ns, name));

    /// <summary>Every object of a resource, in the order of namespace and name.</summary>
    public ICollection<StoredObject> All(string group, string resource) =>
        (ICollection<StoredObject>)Of(group, resource).Objects.Values.ToList();

    /// <summary>The objects of a resource and the revision of that list.</summary>
    public (ImmutableSortedDictionary<string, StoredObject> Objects, long Revision) Snapshot(string group, string resource)
    {
        var collection = Of(group, resource);
        lock (collection.Gate)
            return (collection.Objects, Revision);
    }

    /// <summary>The collection of a resource, for internal watchers.</summary>
    public Collection Collection(string group, string resource) => Of(group, resource);

    /// <summary>Keeps a snapshot so that the following pages have the same revision. The last 64 are kept, fewer when they are
    /// large.</summary>
    public void KeepPages(long revision, string group, string resource, ImmutableSortedDictionary<string, StoredObject> objects)
    {
        var key = PageKey(revision, group, resource);
        if (!_pages.TryAdd(key, objects))
            return;
        var bytes = objects.Values.Sum(static stored => (long)stored.Json.Length);
        Interlocked.Add(ref _pageBytes, bytes);
        _pageOrder.Enqueue((key, bytes));
        while (
            (_pageOrder.Count > MaxPages || (Interlocked.Read(ref _pageBytes) > MaxPageBytes && _pageOrder.Count > 1))
            && _pageOrder.TryDequeue(out var oldest)
        )
        {
            _pages.TryRemove(oldest.Key, out _);
            Interlocked.Add(ref _pageBytes, -oldest.Bytes);
        }
    }

    /// <summary>A snapshot kept for paging, or null when it has expired.</summary>
    public ImmutableSortedDictionary<string, StoredObject>? Pages(long revision, string group, string resource) =>
        _pages.GetValueOrDefault(PageKey(revision, group, resource));

    /// <summary>Stores a new object; null when it already exists.</summary>
    public StoredObject? Create(string group, string resource, JsonObject document)
    {
        var collection = Of(group, resource);
        TrimHistory();
        RequireRoom();
        lock (collection.Gate)
        {
            var key = Key(document.String("metadata", "namespace") ?? "", document.String("metadata", "name") ?? "");
            if (collection.Objects.ContainsKey(key))
                return null;
            var stored = StoredObject.Create(document, Interlocked.Increment(ref _revision));
            collection.Objects = collection.Objects.Add(key, stored);
            Interlocked.Add(ref _bytes, stored.Json.Length);
            _database.Save(group, resource, stored);
            collection.Publish(new StoreEvent(WatchEventKind.Added, stored, null));
            if (resource == "events" && collection.Objects.Count > MaxEvents)
                ExpireEvents(group, collection);
            return stored;
        }
    }

    /// <summary>Replaces the revision that was read; null when it is no longer the latest.</summary>
    public StoredObject? Replace(string group, string resource, StoredObject expected, JsonObject document)
    {
        var collection = Of(group, resource);
        TrimHistory();
        lock (collection.Gate)
        {
            var key = Key(expected.Namespace, expected.Name);
            if (!ReferenceEquals(collection.Objects.GetValueOrDefault(key), expected))
                return null;
            var stored = StoredObject.Create(document, Interlocked.Increment(ref _revision));
            if (stored.Json.Length > expected.Json.Length)
                RequireRoom();
            collection.Objects = collection.Objects.SetItem(key, stored);
            Interlocked.Add(ref _bytes, stored.Json.Length - expected.Json.Length);
            _database.Save(group, resource, stored);
            collection.Publish(new StoreEvent(WatchEventKind.Modified, stored, expected));
            return stored;
        }
    }

    /// <summary>Removes the revision that was read; null when it is no longer the latest. The returned last state has the removal's
    /// revision.</summary>
    public StoredObject? Remove(string group, string resource, StoredObject expected, JsonObject lastState)
    {
        var collection = Of(group, resource);
        lock (collection.Gate)
        {
            var key = Key(expected.Namespace, expected.Name);
            if (!ReferenceEquals(collection.Objects.GetValueOrDefault(key), expected))
                return null;
            var last = StoredObject.Create(lastState, Interlocked.Increment(ref _revision));
            collection.Objects = collection.Objects.Remove(key);
            Interlocked.Add(ref _bytes, -expected.Json.Length);
            _database.Remove(group, resource, last);
            collection.Publish(new StoreEvent(WatchEventKind.Deleted, last, expected));
            return last;
        }
    }

    /// <summary>
    /// Opens a watch. Without a revision it starts with the existing objects (unless <paramref name="initial"/> is false), ended by a
    /// bookmark when <paramref name="endBookmark"/> is set.
    /// </summary>
    /// <exception cref="ApiException">410: the revision is older than the events kept.</exception>
    public Watcher Watch(string group, string resource, string? ns, Selector selector, long? from, bool initial, bool endBookmark)
    {
        var collection = Of(group, resource);
        if (Volatile.Read(ref _watchers) >= MaxWatches)
            throw new ApiException(429, "TooManyRequests", $"there are {MaxWatches} watches already: end some, or try again");
        var watcher = new Watcher(this, collection, ns, selector);
        lock (collection.Gate)
        {
            if (from is null)
            {
                if (initial)
                {
                    foreach (var stored in collection.Objects.Values)
                        watcher.OfferInitial(stored);
                    if (endBookmark)
                        watcher.OfferBookmark(WatchEventKind.InitialEnd, RevisionOf(collection));
                }
            }
            else
            {
                if (from < Math.Max(collection.Compacted, FirstRevision))
                    throw ApiException.Gone($"too old resource version: {from} ({Math.Max(collection.Compacted, FirstRevision)})");
                foreach (var happened in collection.History)
                {
                    if (happened.Object.Revision > from)
                        watcher.Offer(happened);
                }
            }

            collection.Watchers.Add(watcher);
            Interlocked.Increment(ref _watchers);
        }

        return watcher;
    }

    /// <summary>Counts a watch as ended.</summary>
    public void Ended() => Interlocked.Decrement(ref _watchers);

    /// <summary>A revision up to which all changes of the collection have been published. Call under its gate.</summary>
    public long RevisionOf(Collection collection)
    {
        _ = collection;
        return Revision;
    }

    /// <summary>Completes when all earlier changes are on disk. Throws <see cref="IOException"/> when they cannot be written.</summary>
    public Task WrittenAsync() => _database.WrittenAsync();

    /// <summary>The current error of writes to disk; null when they succeed.</summary>
    public string? WriteProblem => _database.Problem;

    /// <summary>Ends every watch.</summary>
    public void CloseWatchers()
    {
        foreach (var collection in _collections.Values)
        {
            lock (collection.Gate)
            {
                foreach (var watcher in collection.Watchers)
                    watcher.Close();
            }
        }
    }

    // Events are not deleted by clients: etcd expires them by age, this store drops the oldest when there are too many.
    private void ExpireEvents(string group, Collection collection)
    {
        foreach (var oldest in collection.Objects.Values.OrderBy(static stored => stored.Revision).Take(MaxEvents / 10).ToList())
            Remove(group, collection.Resource, oldest, oldest.Document());
    }

    private void RequireRoom()
    {
        if (Interlocked.Read(ref _bytes) > MaxBytes)
            throw new ApiException(507, "InsufficientStorage", $"all objects together have more than {MaxBytes >> 20} MiB: delete some");
    }

    /// <summary>Drops old events of the largest collection. Call without holding a gate.</summary>
    private void TrimHistory()
    {
        while (_history.IsExceeded)
        {
            // Read without its gate: any large collection will do.
            var largest = _collections.Values.MaxBy(static candidate => candidate.HistoryBytes)!;
            lock (largest.Gate)
                largest.Compact(largest.HistoryBytes / 2);
        }
    }

    private static string Key(string ns, string name) => ns.Length == 0 ? name : $"{ns}/{name}";

    private static long PageKey(long revision, string group, string resource) =>
        (revision << 20) ^ (string.GetHashCode(group + "/" + resource, StringComparison.Ordinal) & 0xFFFFF);

    private Collection Of(string group, string resource) =>
        _collections.GetOrAdd(
            $"{group}/{resource}",
            static (_, parts) => new Collection(parts.group, parts.resource, parts._history),
            (group, resource, _history)
        );
}
