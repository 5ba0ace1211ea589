using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using FluentAssertions;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using NUnit.Framework;
using Serving.LocalCluster.ApiServer.Storage;
using Serving.Tests.Support;

namespace Serving.Tests.LocalCluster.ApiServer;

[TestFixture]
internal sealed class PersistenceTests
{
    [Test]
    public async Task Objects_outlive_the_process_and_revisions_grow()
    {
        const string maps = "/api/v1/namespaces/default/configmaps";
        var first = await RunningServer.StartAsync();
        var (_, created) = await first.PostAsync(
            maps,
            """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"kept"},"data":{"a":"1"}}"""
        );
        var token = first.Server.Token;
        await first.StopAsync();

        await using var second = await RunningServer.StartAsync(first.Directory);
        second.Server.Token.Should().Be(token);
        var (_, kept) = await second.GetAsync($"{maps}/kept");
        kept["metadata"]!["uid"]!.GetValue<string>().Should().Be(created["metadata"]!["uid"]!.GetValue<string>());
        var (_, updated) = await second.SendAsync(
            HttpMethod.Patch,
            $"{maps}/kept",
            """{"data":{"a":"2"}}""",
            "application/merge-patch+json"
        );
        long Version(System.Text.Json.Nodes.JsonObject o) =>
            long.Parse(o["metadata"]!["resourceVersion"]!.GetValue<string>(), CultureInfo.InvariantCulture);
        Version(updated).Should().BeGreaterThan(Version(created));
    }

    [Test]
    public async Task What_could_not_be_written_is_tried_again()
    {
        var directory = Directory.CreateTempSubdirectory("apiserver").FullName;
        var path = Path.Combine(directory, "state.db");
        using var log = new WarningLog();
        var kept = StoredObject.Create(
            JsonNode.Parse("""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"kept","namespace":"default"}}""")!.AsObject(),
            7
        );
        await using (var database = StateDatabase.Open(path, log, TimeProvider.System))
        {
            await RunAsync("ALTER TABLE objects RENAME TO elsewhere");
            database.Save("", "configmaps", kept);
            await Eventually.HoldsAsync(() => log.Warnings.Should().Contain(warning => warning.Contains("1 changes are queued")));
            await RunAsync("ALTER TABLE elsewhere RENAME TO objects");
        }

        await using (var again = StateDatabase.Open(path, log, TimeProvider.System))
        {
            again.Load().Should().ContainSingle().Which.Document["metadata"]!["name"]!.GetValue<string>().Should().Be("kept");
        }

        Directory.Delete(directory, true);

        async Task RunAsync(string sql)
        {
            await using var connection = new SqliteConnection($"Data Source={path};Pooling=False");
            await connection.OpenAsync();
            await using var command = connection.CreateCommand();
            command.CommandText = sql;
            await command.ExecuteNonQueryAsync();
        }
    }

    [Test]
    public void Of_an_object_only_the_newest_state_waits_for_the_disk()
    {
        var pending = new PendingWrites();
        pending.Add(Write("a", 1));
        pending.Add(Write("b", 2));
        pending.Add(Write("a", 3));
        pending.Count.Should().Be(2);

        var batch = pending.Take(10);
        batch.Select(write => write.Revision).Should().Equal(3, 2);
        pending.Add(Write("b", 4));
        pending.Return(batch, new IOException());

        pending.Take(10).Select(write => write.Revision).Should().Equal(3, 4);

        static PendingWrite Write(string name, long revision) => new("", "configmaps", "default", name, null, revision);
    }

    [Test]
    public void Who_waits_for_a_write_hears_when_it_is_on_disk_or_could_not_be_written()
    {
        var pending = new PendingWrites();
        pending.WrittenAsync().IsCompletedSuccessfully.Should().BeTrue("nothing waits");
        pending.Add(Write("a"));
        var first = pending.WrittenAsync();
        var batch = pending.Take(10);
        pending.Add(Write("a"));
        var second = pending.WrittenAsync();
        pending.Stored();
        first.IsCompletedSuccessfully.Should().BeTrue();
        second.IsCompleted.Should().BeFalse("the object changed after the batch was taken");

        batch = pending.Take(10);
        pending.Add(Write("a"));
        pending.Return(batch, new IOException("the disk is full"));
        second.Invoking(task => task.GetAwaiter().GetResult()).Should().Throw<IOException>().WithMessage("the disk is full");

        var third = pending.WrittenAsync();
        pending.Take(10).Should().HaveCount(1);
        pending.Stored();
        third.IsCompletedSuccessfully.Should().BeTrue();

        static PendingWrite Write(string name) => new("", "configmaps", "default", name, null, 1);
    }

    [Test]
    public async Task A_write_is_answered_when_it_is_on_disk_and_refused_when_it_cannot_be()
    {
        const string maps = "/api/v1/namespaces/default/configmaps";
        await using var server = await RunningServer.StartAsync();
        await using var connection = new SqliteConnection($"Data Source={Path.Combine(server.Directory, "state.db")};Pooling=False");
        await connection.OpenAsync();
        for (var i = 0; i < 50; i++)
        {
            (await server.PostAsync(maps, $$$"""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m{{{i}}}"}}"""))
                .Code.Should()
                .Be(201);
            (await RunAsync($"SELECT count(*) FROM objects WHERE name = 'm{i}'"))
                .Should()
                .Be(1L, "another process sees it: it outlives this one");
        }

        await RunAsync("ALTER TABLE objects RENAME TO elsewhere");
        var (code, refused) = await server.PostAsync(maps, """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"late"}}""");
        code.Should().Be(500);
        refused["message"]!.GetValue<string>().Should().Contain("state.db").And.Contain("free some space");
        await RunAsync("ALTER TABLE elsewhere RENAME TO objects");
        await Eventually.HoldsAsync(async () =>
            (await RunAsync("SELECT count(*) FROM objects WHERE name = 'late'")).Should().Be(1L, "it was tried again")
        );

        async Task<object?> RunAsync(string sql)
        {
            await using var command = connection.CreateCommand();
            command.CommandText = sql;
            return await command.ExecuteScalarAsync();
        }
    }

    [Test]
    public async Task Revisions_grow_over_a_restart_though_only_what_is_not_kept_was_written()
    {
        var directory = Directory.CreateTempSubdirectory("apiserver").FullName;
        var path = Path.Combine(directory, "state.db");
        using var log = new WarningLog();
        await using (var database = StateDatabase.Open(path, log, TimeProvider.System))
        {
            database.Save(
                "coordination.k8s.io",
                "leases",
                StoredObject.Create(JsonNode.Parse("""{"metadata":{"name":"busy","namespace":"default"}}""")!.AsObject(), 123_456)
            );
            await database.WrittenAsync();
        }

        await using (var again = StateDatabase.Open(path, log, TimeProvider.System))
        {
            again.LastRevision.Should().BeGreaterThan(123_456);
        }

        Directory.Delete(directory, true);
    }

    [TestCase("UPDATE objects SET json = CAST('null' AS BLOB)", "configmaps default/kept", "delete the file")]
    [TestCase(
        "UPDATE objects SET json = CAST('{\"metadata\":{\"name\":\"other\"}}' AS BLOB)",
        "configmaps default/kept",
        "delete the file"
    )]
    [TestCase("UPDATE objects SET json = CAST('{' AS BLOB)", "configmaps default/kept", "delete the file")]
    [TestCase("DROP TABLE objects; CREATE TABLE objects (a TEXT)", "no such column", "delete the file")]
    [TestCase("PRAGMA user_version = 99", "newer release", "name another directory")]
    public async Task A_state_that_is_not_as_it_was_written_is_one_line(string sql, string what, string advice)
    {
        var directory = Directory.CreateTempSubdirectory("apiserver").FullName;
        var path = Path.Combine(directory, "state.db");
        using var log = new WarningLog();
        await using (var database = StateDatabase.Open(path, log, TimeProvider.System))
        {
            database.Save(
                "",
                "configmaps",
                StoredObject.Create(JsonNode.Parse("""{"metadata":{"name":"kept","namespace":"default"}}""")!.AsObject(), 7)
            );
        }

        await using (var connection = new SqliteConnection($"Data Source={path};Pooling=False"))
        {
            await connection.OpenAsync();
            await using var command = connection.CreateCommand();
            command.CommandText = sql;
            await command.ExecuteNonQueryAsync();
        }

        var start = () => RunningServer.StartAsync(directory);
        (await start.Should().ThrowAsync<IOException>())
            .Which.Message.Should()
            .Contain("state.db")
            .And.Contain(what)
            .And.Contain(advice)
            .And.NotContain("\n");
        Directory.Delete(directory, true);
    }

    [Test]
    public async Task Keys_that_were_half_written_are_named_and_an_empty_token_is_good_for_nobody()
    {
        var first = await RunningServer.StartAsync();
        await first.StopAsync();
        await File.WriteAllTextAsync(Path.Combine(first.Directory, "token"), "");
        await File.WriteAllTextAsync(Path.Combine(first.Directory, "installer.token"), "abc");
        var second = await RunningServer.StartAsync(first.Directory);
        second.Server.Token.Should().HaveLength(48);
        (await second.SendAsync(HttpMethod.Get, "/api/v1/namespaces", client: second.As("abc"))).Code.Should().Be(401);
        await second.StopAsync();

        await File.WriteAllTextAsync(Path.Combine(first.Directory, "ca.key"), "");
        var start = () => RunningServer.StartAsync(first.Directory);
        (await start.Should().ThrowAsync<IOException>())
            .Which.Message.Should()
            .Contain("ca.key")
            .And.Contain("delete both")
            .And.NotContain("\n");
        Directory.Delete(first.Directory, true);
    }

    [Test]
    public async Task Whatever_it_writes_is_for_its_owner_alone()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Ignore("files have no modes there");
            return;
        }

        await using var server = await RunningServer.StartAsync(
            auditLog: Path.Combine(Directory.CreateTempSubdirectory("audit").FullName, "audit.log")
        );
        await server.PostAsync("/api/v1/namespaces/default/secrets", """{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"}}""");
        foreach (var file in Directory.EnumerateFiles(server.Directory))
        {
            (File.GetUnixFileMode(file) & ~(UnixFileMode.UserRead | UnixFileMode.UserWrite)).Should().Be(UnixFileMode.None, file);
        }
    }

    [Test]
    public async Task A_damaged_state_says_so_in_one_line()
    {
        var directory = Directory.CreateTempSubdirectory("apiserver").FullName;
        await File.WriteAllTextAsync(
            Path.Combine(directory, "state.db"),
            "this is no database, and long enough to be looked at by the library"
        );
        var start = () => RunningServer.StartAsync(directory);
        (await start.Should().ThrowAsync<IOException>()).Which.Message.Should().Contain("state.db").And.NotContain("\n");
        Directory.Delete(directory, true);
    }

    [Test]
    public async Task A_port_in_use_names_its_holder()
    {
        await using var server = await RunningServer.StartAsync();
        var start = () =>
            global::Serving.LocalCluster.ApiServer.ApiServer.StartAsync(
                new(server.Directory + "2", System.Net.IPAddress.Loopback, server.Server.Address.Port),
                Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance,
                TimeProvider.System,
                CancellationToken.None
            );
        (await start.Should().ThrowAsync<IOException>())
            .Which.Message.Should()
            .Contain($"{server.Server.Address.Port} is already in use by process {Environment.ProcessId}");
    }

    private sealed class WarningLog : ILoggerFactory, ILogger
    {
        public ConcurrentQueue<string> Warnings { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        )
        {
            if (IsEnabled(logLevel))
            {
                Warnings.Enqueue(formatter(state, exception));
            }
        }

        public void Dispose() { }
    }
}
