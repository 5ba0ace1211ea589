using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using Serving.Concurrency;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Storage;

/// <summary>
/// Stores objects on disk. Changes during the commit of one transaction go into the next (group commit), and a request returns after its
/// change is committed (<see cref="WrittenAsync"/>): a write that returned survives a killed process. On power loss, writes that the
/// operating system had not flushed are lost, and the file stays consistent (WAL, <c>synchronous=NORMAL</c>). Events and leases are not
/// persisted. Failed writes, as on a full disk, stay queued and are retried, a last time at shutdown.
/// </summary>
internal sealed class StateDatabase : IAsyncDisposable
{
    /// <summary>The schema version of the tables; a file with a later version is rejected, so that an older program cannot corrupt
    /// it.</summary>
    private const int Layout = 1;

    private const int MaxBatch = 1000;

    // Revisions of kinds that are not persisted are not recorded: the margin keeps revisions increasing over a restart.
    private const long Margin = 10_000;

    private static readonly Backoff Delays = new(TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(10));

    private readonly SqliteConnection _connection;
    private readonly PendingWrites _pending = new();
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _writing;
    private long _covered;
    private volatile string? _problem;

    private StateDatabase(SqliteConnection connection, ILogger logger, TimeProvider time)
    {
        _connection = connection;
        _logger = logger;
        _time = time;
        using (var command = connection.CreateCommand())
        {
            command.CommandText = "SELECT value FROM meta WHERE name = 'revision'";
            LastRevision = command.ExecuteScalar() is long revision ? revision : 0;
            _covered = LastRevision;
        }

        _writing = Task.Run(WriteAsync);
    }

    /// <summary>The revision of the last write to the database, with a margin for writes that a crash lost.</summary>
    public long LastRevision { get; }

    /// <summary>The error of the last write; null when it succeeded.</summary>
    public string? Problem => _problem;

    /// <summary>Opens or creates the database; only the owner can access its files.</summary>
    /// <exception cref="IOException">The file is not our database, corrupt, of a newer release, or not writable.</exception>
    public static StateDatabase Open(string path, ILoggerFactory loggers, TimeProvider time)
    {
        SqliteConnection? connection = null;
        try
        {
            // The WAL files get the mode of the database.
            PrivateFile.Ensure(path);
            connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA user_version";
            if (command.ExecuteScalar() is long layout and > Layout)
                throw new IOException(
                    $"the state in {path} was written by a newer release (layout {layout}; this one knows {Layout}): start that release, or name another directory"
                );
            command.CommandText = $"""
                PRAGMA journal_mode = WAL;
                PRAGMA synchronous = NORMAL;
                PRAGMA user_version = {Layout};
                CREATE TABLE IF NOT EXISTS objects (grp TEXT NOT NULL, resource TEXT NOT NULL, ns TEXT NOT NULL, name TEXT NOT NULL, json BLOB NOT NULL,
                    PRIMARY KEY (grp, resource, ns, name)) WITHOUT ROWID;
                CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
                """;
            command.ExecuteNonQuery();
            command.CommandText = "PRAGMA quick_check(1)";
            if (command.ExecuteScalar() is not "ok")
                throw new IOException(Damaged(path, "its pages are inconsistent"));
            return new StateDatabase(connection, loggers.CreateLogger<StateDatabase>(), time);
        }
        catch (SqliteException exception)
        {
            connection?.Dispose();
            throw Unusable(path, exception);
        }
        catch (UnauthorizedAccessException exception)
        {
            connection?.Dispose();
            throw new IOException(
                $"the state in {path} cannot be opened ({exception.Message}): make it readable and writable for this user, or name another directory",
                exception
            );
        }
        catch
        {
            connection?.Dispose();
            throw;
        }
    }

    /// <summary>All stored objects.</summary>
    /// <exception cref="IOException">An object cannot be read.</exception>
    public IEnumerable<(string Group, string Resource, JsonObject Document)> Load()
    {
        var loaded = new List<(string, string, JsonObject)>();
        try
        {
            using var command = _connection.CreateCommand();
            command.CommandText = "SELECT grp, resource, ns, name, json FROM objects";
            using var reader = command.ExecuteReader();
            while (reader.Read())
                loaded.Add((reader.GetString(0), reader.GetString(1), Document(reader)));
        }
        catch (SqliteException exception)
        {
            throw Unusable(_connection.DataSource, exception);
        }

        return loaded;
    }

    private JsonObject Document(SqliteDataReader row)
    {
        var (resource, ns, name) = (row.GetString(1), row.GetString(2), row.GetString(3));
        try
        {
            var document = Json.Parse(row.GetFieldValue<byte[]>(4)) as JsonObject;
            if (
                document.String("metadata", "name") == name
                && (document.String("metadata", "namespace") ?? "") == ns
                && long.TryParse(document.String("metadata", "resourceVersion"), CultureInfo.InvariantCulture, out _)
            )
                return document!;
            throw new IOException(Damaged(_connection.DataSource, $"{resource} {ns}/{name} does not match its key"));
        }
        catch (Exception exception) when (exception is JsonException or InvalidCastException)
        {
            throw new IOException(Damaged(_connection.DataSource, $"{resource} {ns}/{name} is not JSON"), exception);
        }
    }

    /// <summary>Queues a write of an object.</summary>
    public void Save(string group, string resource, StoredObject stored)
    {
        if (IsKept(group, resource))
            _pending.Add(new PendingWrite(group, resource, stored.Namespace, stored.Name, stored.Json, stored.Revision));
        else
            Cover(stored.Revision);
    }

    /// <summary>Queues the removal of an object.</summary>
    public void Remove(string group, string resource, StoredObject last)
    {
        if (IsKept(group, resource))
            _pending.Add(new PendingWrite(group, resource, last.Namespace, last.Name, null, last.Revision));
        else
            Cover(last.Revision);
    }

    /// <summary>Completes when all earlier changes are committed. Throws <see cref="IOException"/> on failure; the writes are still
    /// retried.</summary>
    public Task WrittenAsync() => _pending.WrittenAsync();

    /// <summary>Writes the queued changes and closes the file.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _writing;
        while (_pending.Count > 0 && TryStore() is null)
        {
            // Writes batches until the queue is empty or one fails.
        }

        if (_pending.Count > 0)
            _logger.LogError("{Count} changes could not be written to {Path} and are lost", _pending.Count, _connection.DataSource);
        _stop.Dispose();
        await _connection.DisposeAsync();
    }

    private static bool IsKept(string group, string resource) =>
        resource != "events" && !(resource == "leases" && group == "coordination.k8s.io");

    // Revisions of kinds that are not persisted are far ahead of the recorded one: record it, so that revisions never decrease.
    private void Cover(long revision)
    {
        if (revision > Interlocked.Read(ref _covered) - (Margin / 2))
            _pending.Add(PendingWrite.OfRevision(revision));
    }

    private static IOException Unusable(string path, SqliteException exception) =>
        new(
            exception.SqliteErrorCode switch
            {
                8 =>
                    $"the state in {path} cannot be written ({exception.Message}): make the file and its directory writable for this user, or name another directory",
                10 or 13 or 14 =>
                    $"the state in {path} cannot be written ({exception.Message}): free some space or make the directory writable, or name another directory",
                5 or 6 => $"the state in {path} is held by another program ({exception.Message}): stop that, or name another directory",
                _ => Damaged(path, exception.Message),
            },
            exception
        );

    private static string Damaged(string path, string why) =>
        $"the state in {path} cannot be read ({why}): delete the file to start with an empty cluster";

    private async Task WriteAsync()
    {
        var failures = 0;
        try
        {
            while (true)
            {
                await _pending.WaitAsync(_stop.Token);
                if (TryStore() is null)
                {
                    failures = 0;
                    continue;
                }

                await Task.Delay(Delays.After(++failures), _time, _stop.Token);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The caller of the stop writes the queued changes.
            return;
        }
    }

    // Null when a batch was written, else the error; a failed batch is requeued.
    private SqliteException? TryStore()
    {
        var batch = _pending.Take(MaxBatch);
        try
        {
            if (batch.Count > 0)
                Store(batch);
            _pending.Stored();
            _problem = null;
            return null;
        }
        catch (SqliteException exception)
        {
            _problem = $"the state cannot be written to {_connection.DataSource}: {exception.Message}";
            _pending.Return(batch, new IOException(_problem, exception));
            var dropped = _pending.TakeDropped();
            _logger.LogError(
                exception,
                "Cannot write to {Path}: {Count} changes are queued, and are lost if the process is killed; {Dropped} were dropped because the queue is full",
                _connection.DataSource,
                _pending.Count,
                dropped
            );
            return exception;
        }
    }

    private void Store(List<PendingWrite> batch)
    {
        using var transaction = _connection.BeginTransaction();
        using var upsert = _connection.CreateCommand();
        upsert.Transaction = transaction;
        upsert.CommandText = "INSERT INTO objects VALUES ($g, $r, $n, $m, $j) ON CONFLICT DO UPDATE SET json = excluded.json";
        using var delete = _connection.CreateCommand();
        delete.Transaction = transaction;
        delete.CommandText = "DELETE FROM objects WHERE grp = $g AND resource = $r AND ns = $n AND name = $m";
        long newest = 0;
        foreach (var write in batch)
        {
            newest = Math.Max(newest, write.Revision);
            if (!write.IsObject)
                continue;
            var command = write.Json is null ? delete : upsert;
            command.Parameters.Clear();
            command.Parameters.AddWithValue("$g", write.Group);
            command.Parameters.AddWithValue("$r", write.Resource);
            command.Parameters.AddWithValue("$n", write.Namespace);
            command.Parameters.AddWithValue("$m", write.Name);
            if (write.Json is not null)
                command.Parameters.AddWithValue("$j", write.Json);
            command.ExecuteNonQuery();
        }

        using var meta = _connection.CreateCommand();
        meta.Transaction = transaction;
        meta.CommandText = "INSERT INTO meta VALUES ('revision', $v) ON CONFLICT DO UPDATE SET value = max(value, excluded.value)";
        meta.Parameters.AddWithValue("$v", newest + Margin);
        meta.ExecuteNonQuery();
        transaction.Commit();
        Interlocked.Exchange(ref _covered, Math.Max(_covered, newest + Margin));
    }
}
