using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Storage;

/// <summary>
/// Keeps objects on disk, written in batches behind the requests: a crash may lose the last moments, a clean stop loses nothing. Events and
/// leases are not kept. What cannot be written, as on a full disk, waits and is tried again; a stop tries it a last time.
/// </summary>
internal sealed class StateDatabase : IAsyncDisposable
{
    private const int MaxBatch = 1000;
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan s_retryMost = TimeSpan.FromSeconds(10);

    private readonly SqliteConnection _connection;
    private readonly PendingWrites _pending = new();
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _writing;

    private StateDatabase(SqliteConnection connection, ILogger logger, TimeProvider time)
    {
        _connection = connection;
        _logger = logger;
        _time = time;
        using (var command = connection.CreateCommand())
        {
            command.CommandText = "SELECT value FROM meta WHERE name = 'revision'";
            LastRevision = command.ExecuteScalar() is long revision ? revision : 0;
        }

        _writing = Task.Run(WriteAsync);
    }

    /// <summary>The revision reached when the database was last written, with a margin for what a crash lost.</summary>
    public long LastRevision { get; }

    /// <summary>Opens or makes the database.</summary>
    /// <exception cref="IOException">The file is not a database of ours, or damaged.</exception>
    public static StateDatabase Open(string path, ILoggerFactory loggers, TimeProvider time)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        try
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = """
                PRAGMA journal_mode = WAL;
                PRAGMA synchronous = NORMAL;
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
            connection.Dispose();
            throw new IOException(Damaged(path, exception.Message), exception);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Everything kept.</summary>
    /// <exception cref="IOException">An object cannot be read.</exception>
    public IEnumerable<(string Group, string Resource, JsonObject Document)> Load()
    {
        using var command = _connection.CreateCommand();
        command.CommandText = "SELECT grp, resource, ns, name, json FROM objects";
        var loaded = new List<(string, string, JsonObject)>();
        using var reader = command.ExecuteReader();
        while (reader.Read())
        {
            try
            {
                loaded.Add((reader.GetString(0), reader.GetString(1), Json.ParseOwn(reader.GetFieldValue<byte[]>(4))));
            }
            catch (Exception exception) when (exception is JsonException or InvalidCastException)
            {
                throw new IOException(
                    Damaged(_connection.DataSource, $"{reader.GetString(1)} {reader.GetString(2)}/{reader.GetString(3)} is not JSON"), exception);
            }
        }

        return loaded;
    }

    /// <summary>Writes an object soon.</summary>
    public void Save(string group, string resource, StoredObject stored)
    {
        if (IsKept(group, resource))
            _pending.Add(new PendingWrite(group, resource, stored.Namespace, stored.Name, stored.Json, stored.Revision));
    }

    /// <summary>Removes an object soon.</summary>
    public void Remove(string group, string resource, StoredObject last)
    {
        if (IsKept(group, resource))
            _pending.Add(new PendingWrite(group, resource, last.Namespace, last.Name, null, last.Revision));
    }

    /// <summary>Writes what waits and closes the file.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _writing.ConfigureAwait(false);
        while (_pending.Count > 0 && TryStore())
        {
            // Batch after batch, until all are written or one fails.
        }

        if (_pending.Count > 0)
            _logger.LogError("{Count} changes could not be written to {Path} and are lost", _pending.Count, _connection.DataSource);
        _stop.Dispose();
        await _connection.DisposeAsync().ConfigureAwait(false);
    }

    private static bool IsKept(string group, string resource) =>
        resource != "events" && !(resource == "leases" && group == "coordination.k8s.io");

    private static string Damaged(string path, string why) => $"the state in {path} cannot be read ({why}): delete the file to start with an empty cluster";

    private async Task WriteAsync()
    {
        var retry = s_pause;
        try
        {
            while (true)
            {
                await _pending.WaitAsync(_stop.Token).ConfigureAwait(false);
                retry = TryStore() ? s_pause : retry * 2 > s_retryMost ? s_retryMost : retry * 2;

                // Small writes gather meanwhile: one transaction for many objects.
                await Task.Delay(retry, _time, _stop.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // What waits is written by who stopped this.
            return;
        }
    }

    // Whether a batch was written; one that was not goes back to wait.
    private bool TryStore()
    {
        var batch = _pending.Take(MaxBatch);
        try
        {
            if (batch.Count > 0)
                Store(batch);
            return true;
        }
        catch (SqliteException exception)
        {
            _pending.Return(batch);
            var dropped = _pending.TakeDropped();
            _logger.LogError(
                exception, "Could not write to {Path}: {Count} changes wait for it, and are lost if the process is killed; {Dropped} had no room to wait",
                _connection.DataSource, _pending.Count, dropped);
            return false;
        }
    }

    private void Store(List<PendingWrite> batch)
    {
        // Revisions of kinds that are not kept grow unseen: the margin keeps revisions growing over a restart.
        const long margin = 10_000;
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
            var command = write.Json is null ? delete : upsert;
            command.Parameters.Clear();
            command.Parameters.AddWithValue("$g", write.Group);
            command.Parameters.AddWithValue("$r", write.Resource);
            command.Parameters.AddWithValue("$n", write.Namespace);
            command.Parameters.AddWithValue("$m", write.Name);
            if (write.Json is not null)
                command.Parameters.AddWithValue("$j", write.Json);
            command.ExecuteNonQuery();
            newest = Math.Max(newest, write.Revision);
        }

        using var meta = _connection.CreateCommand();
        meta.Transaction = transaction;
        meta.CommandText = "INSERT INTO meta VALUES ('revision', $v) ON CONFLICT DO UPDATE SET value = max(value, excluded.value)";
        meta.Parameters.AddWithValue("$v", newest + margin);
        meta.ExecuteNonQuery();
        transaction.Commit();
    }
}
