using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using FluentAssertions;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using NUnit.Framework;
using Serving.LocalCluster.ApiServer.Storage;
using Serving.Tests.Support;

namespace Serving.Tests.LocalCluster.Api;

[TestFixture]
internal sealed class PersistenceTests
{
    [Test]
    public async Task Objects_outlive_the_process_and_revisions_grow()
    {
        const string maps = "/api/v1/namespaces/default/configmaps";
        var first = await RunningServer.StartAsync();
        var (_, created) = await first.PostAsync(maps, """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"kept"},"data":{"a":"1"}}""");
        var token = first.Server.Token;
        await first.StopAsync();

        await using var second = await RunningServer.StartAsync(first.Directory);
        second.Server.Token.Should().Be(token);
        var (_, kept) = await second.GetAsync($"{maps}/kept");
        kept["metadata"]!["uid"]!.GetValue<string>().Should().Be(created["metadata"]!["uid"]!.GetValue<string>());
        var (_, updated) = await second.SendAsync(HttpMethod.Patch, $"{maps}/kept", """{"data":{"a":"2"}}""", "application/merge-patch+json");
        long Version(System.Text.Json.Nodes.JsonObject o) => long.Parse(o["metadata"]!["resourceVersion"]!.GetValue<string>(), CultureInfo.InvariantCulture);
        Version(updated).Should().BeGreaterThan(Version(created));
    }

    [Test]
    public async Task What_could_not_be_written_is_tried_again()
    {
        var directory = Directory.CreateTempSubdirectory("apiserver").FullName;
        var path = Path.Combine(directory, "state.db");
        using var log = new WarningLog();
        var kept = StoredObject.Create(JsonNode.Parse("""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"kept","namespace":"default"}}""")!.AsObject(), 7);
        await using (var database = StateDatabase.Open(path, log, TimeProvider.System))
        {
            await RunAsync("ALTER TABLE objects RENAME TO elsewhere");
            database.Save("", "configmaps", kept);
            await Eventually.HoldsAsync(() => log.Warnings.Should().Contain(warning => warning.Contains("1 changes wait for it")));
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
        pending.Return(batch);

        pending.Take(10).Select(write => write.Revision).Should().Equal(3, 4);

        static PendingWrite Write(string name, long revision) => new("", "configmaps", "default", name, null, revision);
    }

    [Test]
    public async Task A_damaged_state_says_so_in_one_line()
    {
        var directory = Directory.CreateTempSubdirectory("apiserver").FullName;
        await File.WriteAllTextAsync(Path.Combine(directory, "state.db"), "this is no database, and long enough to be looked at by the library");
        var start = () => RunningServer.StartAsync(directory);
        (await start.Should().ThrowAsync<IOException>()).Which.Message.Should().Contain("state.db").And.NotContain("\n");
        Directory.Delete(directory, true);
    }

    [Test]
    public async Task A_port_in_use_names_its_holder()
    {
        await using var server = await RunningServer.StartAsync();
        var start = () => global::Serving.LocalCluster.ApiServer.ApiServer.StartAsync(
            new(server.Directory + "2", System.Net.IPAddress.Loopback, server.Server.Address.Port), Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance,
            TimeProvider.System, CancellationToken.None);
        (await start.Should().ThrowAsync<IOException>()).Which.Message.Should().Contain($"{server.Server.Address.Port} is already in use by process {Environment.ProcessId}");
    }

    private sealed class WarningLog : ILoggerFactory, ILogger
    {
        public ConcurrentQueue<string> Warnings { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
            => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                Warnings.Enqueue(formatter(state, exception));
            }
        }

        public void Dispose()
        {
        }
    }
}
