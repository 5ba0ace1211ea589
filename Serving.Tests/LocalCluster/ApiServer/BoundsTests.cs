using System.Text.Json.Nodes;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.Tests.LocalCluster.ApiServer;

/// <summary>The server's memory is bounded by total bytes, not only by counts.</summary>
[TestFixture]
internal sealed class BoundsTests
{
    private static readonly string Large = new('x', 1 << 20);

    private string _directory = null!;
    private StateDatabase _database = null!;
    private ObjectStore _store = null!;

    [SetUp]
    public void SetUp()
    {
        _directory = Directory.CreateTempSubdirectory("apiserver").FullName;
        _database = StateDatabase.Open(Path.Combine(_directory, "state.db"), NullLoggerFactory.Instance, TimeProvider.System);
        _store = new ObjectStore(_database, TimeProvider.System);
    }

    [TearDown]
    public async Task TearDownAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_directory, true);
    }

    [Test]
    public void Events_of_large_objects_in_several_collections_do_not_fill_the_memory()
    {
        var objects = ((string[])["configmaps", "secrets", "events"]).ToDictionary(
            kind => kind,
            kind => _store.Create("", kind, Document("a", Large))!
        );
        var first = objects["configmaps"].Revision;
        for (var i = 0; i < 100; i++)
        {
            foreach (var kind in objects.Keys)
            {
                objects[kind] = _store.Replace("", kind, objects[kind], Document("a", Large))!;
                _store.HistoryBytes.Should().BeLessThanOrEqualTo(HistoryBudget.Most + (5 << 20));
            }
        }

        var resume = () => _store.Watch("", "configmaps", null, Selector.Everything, first, initial: false, endBookmark: false);
        resume.Should().Throw<ApiException>().Which.Code.Should().Be(410);
        _store
            .Watch("", "configmaps", null, Selector.Everything, objects["configmaps"].Revision, initial: false, endBookmark: false)
            .Dispose();
    }

    [Test]
    public void A_watch_that_nobody_reads_is_ended_before_it_holds_many_large_objects()
    {
        var stored = _store.Create("", "configmaps", Document("a", Large))!;
        using var watcher = _store.Watch("", "configmaps", null, Selector.Everything, stored.Revision, initial: false, endBookmark: false);
        for (var i = 0; i < 20; i++)
        {
            stored = _store.Replace("", "configmaps", stored, Document("a", Large))!;
        }

        var waiting = 0;
        while (watcher.Records.TryRead(out var record))
        {
            watcher.Taken(record);
            waiting++;
        }

        waiting.Should().BeInRange(1, 10);
        watcher.Records.Completion.IsCompleted.Should().BeTrue("the client lists again");
    }

    [Test]
    public void Events_go_when_there_are_too_many()
    {
        for (var i = 0; i <= ObjectStore.MaxEvents; i++)
        {
            _store.Create("", "events", Document($"e{i}", ""));
        }

        _store.All("", "events").Count.Should().BeLessThanOrEqualTo(ObjectStore.MaxEvents);
        _store.Get("", "events", "default", "e0").Should().BeNull("the oldest go first");
        _store.Get("", "events", "default", $"e{ObjectStore.MaxEvents}").Should().NotBeNull();
    }

    [Test]
    public void Bodies_of_all_requests_together_are_bounded()
    {
        var budget = new BodyBudget();
        var leases = new List<BodyLease>();
        var more = () =>
        {
            var lease = new BodyLease(budget);
            leases.Add(lease);
            lease.Grow(3 << 20);
        };
        for (var i = 0; i < BodyBudget.Most / (3 << 20); i++)
        {
            more();
        }

        more.Should().Throw<ApiException>().Which.Code.Should().Be(429);
        leases[0].Dispose();
        more.Should().NotThrow();
        leases.ForEach(lease => lease.Dispose());
        budget.Held.Should().Be(0);
    }

    private static JsonObject Document(string name, string data) =>
        new()
        {
            ["apiVersion"] = "v1",
            ["kind"] = "ConfigMap",
            ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = "default" },
            ["data"] = new JsonObject { ["a"] = data },
        };
}
