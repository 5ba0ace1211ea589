using System.Buffers;
using System.Globalization;
using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Storage;
using Serving.LocalCluster.ApiServer.Tables;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>Streams watches: each event is serialized once and shared by all watchers of the storage version.</summary>
internal sealed class WatchHandler(ObjectStore store)
{
    private static readonly TimeSpan BookmarkInterval = TimeSpan.FromSeconds(30);

    public async Task WatchAsync(ResourceRequest request, CancellationToken stopping)
    {
        var resource = request.Resource;
        var selector = ResourceReader.SelectorOf(request);
        var version = request.Number("resourceVersion") ?? 0;
        var initialEvents = request.Query("sendInitialEvents");
        if (initialEvents is not null && request.Query("resourceVersionMatch") != "NotOlderThan")
        {
            throw new ApiException(
                422,
                "Invalid",
                "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            );
        }

        var wantsInitial = request.Flag("sendInitialEvents");
        var bookmarks = request.Flag("allowWatchBookmarks");
        var context = request.Context;
        context.Response.ContentType = "application/json";
        Reply.Warn(context, request.Warnings);
        var ns = request.Namespace.Length > 0 ? request.Namespace : null;
        Watcher watcher;
        try
        {
            if (version > store.Revision)
                throw ApiException.Gone($"too large resource version: {version}, current: {store.Revision}");
            var isFresh = wantsInitial || version == 0;
            watcher = store.Watch(
                resource.StorageGroup(),
                resource.Plural,
                ns,
                selector,
                isFresh ? null : version,
                initial: initialEvents is null || wantsInitial,
                endBookmark: wantsInitial && bookmarks
            );
        }
        catch (ApiException exception)
        {
            await context.Response.Body.WriteAsync(
                StoredObject.Frame("{\"type\":\"ERROR\",\"object\":"u8, Json.Bytes(exception.ToStatus())),
                context.RequestAborted
            );
            return;
        }

        using (watcher)
        using (var ending = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping))
        {
            var seconds = request.Number("timeoutSeconds") is { } asked and > 0 ? asked : 1800 + Random.Shared.Next(1800);
            var ends = After(TimeSpan.FromSeconds(seconds));
            await context.Response.Body.FlushAsync(ending.Token);
            await PumpAsync(request, watcher, ends, bookmarks, ending.Token);
        }
    }

    private async Task PumpAsync(ResourceRequest request, Watcher watcher, long ends, bool bookmarks, CancellationToken cancellation)
    {
        var writer = request.Context.Response.BodyWriter;
        var encoder = new Encoder(request, store.Time);
        var nextBookmark = After(BookmarkInterval);
        while (true)
        {
            while (watcher.Records.TryRead(out var record))
            {
                writer.Write(encoder.Encode(record));
                watcher.Taken(record);
                if (writer.UnflushedBytes > 256 * 1024 && (await writer.FlushAsync(cancellation)).IsCompleted)
                    return;
            }

            var isOver = store.Time.GetTimestamp() >= ends;
            if (isOver || store.Time.GetTimestamp() >= nextBookmark)
            {
                if (bookmarks && watcher.SettledRevision() is { } revision)
                    writer.Write(encoder.Encode(new WatchRecord(WatchEventKind.Bookmark, null, revision)));
                nextBookmark = After(BookmarkInterval);
            }

            if ((await writer.FlushAsync(cancellation)).IsCompleted || isOver)
                return;

            // Timers have millisecond resolution: round up, so that the wait does not end early.
            var wait = Math.Ceiling((Math.Min(ends, nextBookmark) - store.Time.GetTimestamp()) * 1000d / store.Time.TimestampFrequency);
            if (
                !await WaitAsync(watcher, TimeSpan.FromMilliseconds(Math.Max(1, wait)), cancellation)
                && watcher.Records.Completion.IsCompleted
            )
                return;
        }
    }

    private long After(TimeSpan time) => store.Time.GetTimestamp() + (long)(time.TotalSeconds * store.Time.TimestampFrequency);

    // False on timeout or when the watch has ended.
    private async Task<bool> WaitAsync(Watcher watcher, TimeSpan wait, CancellationToken cancellation)
    {
        var waiting = watcher.Records.WaitToReadAsync(cancellation);
        if (waiting.IsCompleted)
            return await waiting;
        try
        {
            return await waiting.AsTask().WaitAsync(wait, store.Time, cancellation);
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private sealed class Encoder(ResourceRequest request, TimeProvider time)
    {
        private readonly RepresentationKind _form = Representation.Of(request);
        private bool _hasColumns;

        public byte[] Encode(WatchRecord record)
        {
            if (record.Object is not { } stored)
                return Wrap("BOOKMARK", Bookmark(record));
            if (_form == RepresentationKind.Whole)
            {
                if (stored.ApiVersion == request.Resource.ApiVersion)
                    return stored.Line(record.Kind);
                return Wrap(NameOf(record.Kind), Conversion.ServedDocument(stored, request.Resource));
            }

            return Wrap(
                NameOf(record.Kind),
                _form == RepresentationKind.Table ? Row(stored) : Representation.MetadataOf(stored.Document())
            );
        }

        private static string NameOf(WatchEventKind kind) =>
            kind switch
            {
                WatchEventKind.Added => "ADDED",
                WatchEventKind.Modified => "MODIFIED",
                _ => "DELETED",
            };

        private static byte[] Wrap(string type, JsonObject document) =>
            StoredObject.Frame(System.Text.Encoding.UTF8.GetBytes($"{{\"type\":\"{type}\",\"object\":"), Json.Bytes(document));

        private JsonObject Row(StoredObject stored)
        {
            var table = TableWriter.Table(
                request.Resource,
                [Conversion.ServedDocument(stored, request.Resource)],
                request.Query("includeObject"),
                time.GetUtcNow()
            );
            if (_hasColumns)
                table["columnDefinitions"] = null;
            _hasColumns = true;
            table.Child("metadata")["resourceVersion"] = stored.Revision.ToString(CultureInfo.InvariantCulture);
            return table;
        }

        private JsonObject Bookmark(WatchRecord record)
        {
            var metadata = new JsonObject
            {
                ["resourceVersion"] = record.Revision.ToString(CultureInfo.InvariantCulture),
                ["creationTimestamp"] = null,
            };
            if (record.Kind == WatchEventKind.InitialEnd)
                metadata["annotations"] = new JsonObject { ["k8s.io/initial-events-end"] = "true" };
            return _form switch
            {
                RepresentationKind.Table => new JsonObject
                {
                    ["kind"] = "Table",
                    ["apiVersion"] = "meta.k8s.io/v1",
                    ["metadata"] = metadata,
                    ["columnDefinitions"] = null,
                    ["rows"] = null,
                },
                RepresentationKind.Metadata => new JsonObject
                {
                    ["kind"] = "PartialObjectMetadata",
                    ["apiVersion"] = "meta.k8s.io/v1",
                    ["metadata"] = metadata,
                },
                _ => new JsonObject
                {
                    ["kind"] = request.Resource.Kind,
                    ["apiVersion"] = request.Resource.ApiVersion,
                    ["metadata"] = metadata,
                },
            };
        }
    }
}
