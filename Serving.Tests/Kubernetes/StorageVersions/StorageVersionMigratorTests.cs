using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.StorageVersions;
using Serving.Tests.LocalCluster.ApiServer;
using Serving.Tests.Support;

namespace Serving.Tests.Kubernetes.StorageVersions;

/// <summary>Migrations against a real API server over HTTP: a kind that was stored as v1beta1 and is to be stored as v1.</summary>
[TestFixture]
internal sealed class StorageVersionMigratorTests
{
    private const string Group = "old.example.com";
    private const string Definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    private static readonly CancellationToken None = CancellationToken.None;

    private RunningServer _server = null!;
    private ClusterClient _client = null!;

    [OneTimeSetUp]
    public async Task Start()
    {
        _server = await RunningServer.StartAsync();
        _client = new ClusterClient(ClusterAccess.FromKubeconfig(_server.Server.KubeconfigPath));
        await _client.CreateAsync(Resources.Namespaces, new Namespace { Metadata = new() { Name = "other" } }, None);
    }

    [OneTimeTearDown]
    public async Task Stop()
    {
        _client.Dispose();
        await _server.DisposeAsync();
    }

    [Test]
    public async Task Every_object_is_stored_anew_and_the_old_version_may_then_go()
    {
        var kind = await OldKindAsync("widgets", "Widget", objects: 23);
        var before = await VersionsAsync(kind);
        var progress = new List<string>();

        var results = await new StorageVersionMigrator(
            _client,
            new StorageMigrationOptions { PageSize = 5, Concurrency = 3 },
            progress.Add
        ).MigrateNamedAsync([$"widgets.{Group}"], None);

        results
            .Should()
            .ContainSingle()
            .Which.Should()
            .BeEquivalentTo(new StorageMigration($"widgets.{Group}", "v1", ["v1beta1", "v1"]) { Rewritten = 23 });
        (await VersionsAsync(kind))
            .Should()
            .OnlyContain(entry => entry.Value != before[entry.Key], "each was written, though nothing in it changed")
            .And.HaveCount(23);
        (await StoredVersionsAsync("widgets")).Should().Equal("v1");
        progress.Should().Contain($"widgets.{Group}: 5 written, 18 to go").And.EndWith($"widgets.{Group}: 23 written; stored as v1");
        (await WithoutOldVersionAsync("widgets")).Code.Should().Be(200);
        (await _client.GetAsync(kind, "other", "w-1", None)).Get("spec", "size")!.Value.GetInt32().Should().Be(1);
    }

    [Test]
    public async Task A_second_run_writes_nothing()
    {
        var kind = await OldKindAsync("gears", "Gear", objects: 3);
        await new StorageVersionMigrator(_client, new StorageMigrationOptions(), _ => { }).MigrateNamedAsync([$"gears.{Group}"], None);
        var before = await VersionsAsync(kind);
        var progress = new List<string>();

        var again = await new StorageVersionMigrator(_client, new StorageMigrationOptions(), progress.Add).MigrateNamedAsync(
            [$"gears.{Group}"],
            None
        );

        again.Single().Rewritten.Should().Be(0);
        (await VersionsAsync(kind)).Should().Equal(before);
        progress.Should().Equal($"gears.{Group}: stored as v1, nothing to do");
    }

    [Test]
    public async Task A_dry_run_asks_and_writes_nothing()
    {
        var kind = await OldKindAsync("bolts", "Bolt", objects: 4);
        var before = await VersionsAsync(kind);
        var progress = new List<string>();

        await new StorageVersionMigrator(_client, new StorageMigrationOptions { DryRun = true }, progress.Add).MigrateNamedAsync(
            [$"bolts.{Group}"],
            None
        );

        (await VersionsAsync(kind)).Should().Equal(before);
        (await StoredVersionsAsync("bolts")).Should().Equal("v1beta1", "v1");
        progress[^1].Should().Be($"bolts.{Group}: 4 would be written; would be stored as v1 alone");
        (await WithoutOldVersionAsync("bolts")).Code.Should().Be(422, "the server knows that objects are still stored in it");
    }

    [Test]
    public async Task Whole_groups_are_migrated_and_others_left_alone()
    {
        await OldKindAsync("nuts", "Nut", objects: 2);
        var elsewhere = await OldKindAsync("screws", "Screw", objects: 2, "elsewhere.example.com");
        var before = await VersionsAsync(elsewhere);

        var results = await new StorageVersionMigrator(_client, new StorageMigrationOptions(), _ => { }).MigrateGroupsAsync([Group], None);

        results
            .Should()
            .Contain(result => result.Definition == $"nuts.{Group}" && result.Rewritten == 2)
            .And.NotContain(result => result.Definition.Contains("elsewhere"));
        (await VersionsAsync(elsewhere)).Should().Equal(before);
    }

    [Test]
    public async Task An_unknown_definition_is_an_error_before_anything_is_written()
    {
        var kind = await OldKindAsync("pins", "Pin", objects: 2);
        var before = await VersionsAsync(kind);

        var migrate = () =>
            new StorageVersionMigrator(_client, new StorageMigrationOptions(), _ => { }).MigrateNamedAsync(
                [$"pins.{Group}", $"nothing.{Group}"],
                None
            );

        (await migrate.Should().ThrowAsync<KubernetesException>()).Which.Message.Should().Contain($"nothing.{Group}");
        (await VersionsAsync(kind)).Should().Equal(before);
    }

    [Test]
    public async Task The_status_must_name_the_storage_version_and_none_that_does_not_exist()
    {
        await OldKindAsync("rods", "Rod", objects: 1);

        await RefusedAsync("""["v1beta1"]""", "must have the storage version v1");
        await RefusedAsync("""["v1","v7"]""", "missing from spec.versions; v7 was previously a storage version");
        await RefusedAsync("[]", "must have at least one stored version");
        (await StoredVersionsAsync("rods")).Should().Equal("v1beta1", "v1");

        async Task RefusedAsync(string versions, string why)
        {
            var (code, body) = await _server.SendAsync(
                HttpMethod.Patch,
                $"{Definitions}/rods.{Group}/status",
                $$$"""{"status":{"storedVersions":{{{versions}}}}}""",
                "application/merge-patch+json"
            );
            code.Should().Be(422);
            ((string)body["message"]!).Should().Contain(why);
        }
    }

    private async Task<(int Code, JsonObject Body)> WithoutOldVersionAsync(string plural) =>
        await _server.SendAsync(
            HttpMethod.Patch,
            $"{Definitions}/{plural}.{Group}",
            $$$"""{"spec":{"versions":[{{{Version("v1", stored: true)}}}]}}""",
            "application/merge-patch+json"
        );

    private async Task<IReadOnlyList<string>> StoredVersionsAsync(string plural) =>
        [
            .. (await _server.GetAsync($"{Definitions}/{plural}.{Group}")).Body["status"]!["storedVersions"]!
                .AsArray()
                .Select(version => (string)version!),
        ];

    private async Task<SortedDictionary<string, string>> VersionsAsync(ResourceType<Unstructured> kind) =>
        new(
            (await _client.ListAsync(kind, null, null, None)).Items.ToDictionary(
                item => $"{item.Metadata.Namespace}/{item.Metadata.Name}",
                item => item.Metadata.ResourceVersion
            )
        );

    /// <summary>A kind whose objects were made while v1beta1 was stored, and whose storage version is v1 since.</summary>
    private async Task<ResourceType<Unstructured>> OldKindAsync(string plural, string kind, int objects, string group = Group)
    {
        var definition = Definition(plural, kind, group, "v1beta1");
        (await _server.PostAsync(Definitions, definition)).Code.Should().Be(201);
        var old = Unstructured.Type(group, "v1beta1", plural, kind, namespaced: true);
        await Eventually.HoldsAsync(() => _client.ListAsync(old, null, null, None));
        for (var i = 0; i < objects; i++)
        {
            var ns = i % 2 == 0 ? "default" : "other";
            await _client.CreateAsync(
                old,
                new Unstructured(
                    new JsonObject
                    {
                        ["apiVersion"] = $"{group}/v1beta1",
                        ["kind"] = kind,
                        ["metadata"] = new JsonObject { ["name"] = $"w-{i}", ["namespace"] = ns },
                        ["spec"] = new JsonObject { ["size"] = i },
                    }
                ),
                None
            );
        }

        var (code, body) = await _server.SendAsync(
            HttpMethod.Patch,
            $"{Definitions}/{plural}.{group}",
            $$$"""{"spec":{"versions":[{{{Version("v1beta1", stored: false)}}},{{{Version("v1", stored: true)}}}]}}""",
            "application/merge-patch+json"
        );
        code.Should().Be(200);
        body["status"]!["storedVersions"]!
            .ToJsonString()
            .Should()
            .Be("""["v1beta1","v1"]""", "a version is recorded before anything is stored in it");
        var current = Unstructured.Type(group, "v1", plural, kind, namespaced: true);
        await Eventually.HoldsAsync(async () =>
            (await _client.ListAsync(current, null, null, None))
                .Items.Should()
                .HaveCount(objects)
                .And.OnlyContain(item => item.ApiVersion == $"{group}/v1")
        );
        return current;
    }

    private static string Definition(string plural, string kind, string group, string version) =>
        $$$$"""
            {"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"{{{{plural}}}}.{{{{group}}}}"},
             "spec":{"group":"{{{{group}}}}","scope":"Namespaced","names":{"plural":"{{{{plural}}}}","kind":"{{{{kind}}}}"},"versions":[{{{{Version(
                version,
                stored: true
            )}}}}]}}
            """;

    private static string Version(string name, bool stored) =>
        $$$$"""
            {"name":"{{{{name}}}}","served":true,"storage":{{{{(stored ? "true" : "false")}}}},
             "schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object","properties":{"size":{"type":"integer"} } } } } } }
            """;
}
