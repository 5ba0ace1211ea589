using System.Text.Json;
using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.StorageVersions;
using Serving.Tests.Support;

namespace Serving.Tests.Kubernetes.StorageVersions;

/// <summary>What can go wrong with single objects while a kind is migrated.</summary>
[TestFixture]
internal sealed class StorageMigrationFailureTests
{
    private const string Name = "widgets.example.com";
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly ResourceType<Unstructured> Widgets = Unstructured.Type(
        "example.com",
        "v1",
        "widgets",
        "Widget",
        namespaced: true
    );

    private InMemoryCluster _cluster = null!;
    private List<string> _progress = null!;

    [SetUp]
    public void SetUp()
    {
        _cluster = new InMemoryCluster();
        _progress = [];
        _cluster.Put(Resources.CustomResourceDefinitions, Definition("v1"));
        foreach (var name in (string[])["a", "b", "c"])
        {
            _cluster.Put(
                Widgets,
                new Unstructured(
                    new JsonObject
                    {
                        ["apiVersion"] = "example.com/v1",
                        ["kind"] = "Widget",
                        ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = "ns" },
                    }
                )
            );
        }
    }

    [Test]
    public async Task Objects_that_go_or_change_meanwhile_do_not_stop_it()
    {
        _cluster.FailNext(request => request.Verb == "patch" && request.Key.Name == "a", Failure(404, "NotFound"));
        _cluster.FailNext(request => request.Verb == "patch" && request.Key.Name == "b", Failure(409, "Conflict"));

        var result = (await MigrateAsync()).Single();

        result.Should().Match<StorageMigration>(r => r.IsComplete && r.Rewritten == 2 && r.Gone == 1);
        StoredVersions().Should().Equal("v1");
    }

    [Test]
    public async Task A_refused_object_is_named_and_keeps_the_old_version_recorded()
    {
        _cluster.FailNext(
            request => request.Verb == "patch" && request.Key.Name == "b",
            Failure(422, "Invalid", "spec.size: Invalid value")
        );

        var result = (await MigrateAsync()).Single();

        result.IsComplete.Should().BeFalse();
        result.Rewritten.Should().Be(2, "the others were written");
        _progress.Should().EndWith($"  patch widgets.example.com ns/b: spec.size: Invalid value (422 Invalid)");
        StoredVersions().Should().Equal("v1beta1", "v1");
    }

    [Test]
    public async Task A_failing_server_ends_it_with_the_old_version_recorded()
    {
        _cluster.FailNext(
            request => request.Verb == "patch" && request.Key.Name == "c",
            Failure(500, "InternalError", "failed calling webhook")
        );

        var migrate = MigrateAsync;

        (await migrate.Should().ThrowAsync<KubernetesException>()).Which.Message.Should().Contain("failed calling webhook");
        StoredVersions().Should().Equal("v1beta1", "v1");
    }

    [Test]
    public async Task A_page_that_the_server_forgot_is_read_from_the_start()
    {
        var pages = new ForgetfulPages(_cluster);

        var result = (await MigrateWithAsync(pages)).Single();

        pages.Lists.Should().Be(4, "a page, a forgotten one, and both again");
        result.Should().Match<StorageMigration>(r => r.IsComplete && r.Rewritten == 3);
        StoredVersions().Should().Equal("v1");
    }

    [Test]
    public async Task A_definition_written_by_others_meanwhile_is_read_again()
    {
        _cluster.FailNext(request => request.Verb == "patch" && request.Key.Name == Name, Failure(409, "Conflict"));

        await MigrateAsync();

        StoredVersions().Should().Equal("v1");
    }

    [Test]
    public async Task A_storage_version_changed_meanwhile_is_not_overwritten()
    {
        _cluster.FailNext(
            request =>
            {
                var ours = request.Verb == "patch" && request.Key.Name == Name;
                if (ours)
                {
                    _cluster.Put(Resources.CustomResourceDefinitions, Definition("v2"));
                }

                return ours;
            },
            Failure(409, "Conflict")
        );

        var migrate = MigrateAsync;

        (await migrate.Should().ThrowAsync<KubernetesConfigurationException>())
            .Which.Message.Should()
            .Contain("its storage version is v2 now");
        StoredVersions().Should().Equal("v1beta1", "v2");
    }

    private Task<IReadOnlyList<StorageMigration>> MigrateAsync() => MigrateWithAsync(_cluster);

    private Task<IReadOnlyList<StorageMigration>> MigrateWithAsync(IKubernetesClient client) =>
        new StorageVersionMigrator(client, new StorageMigrationOptions { PageSize = 2, Concurrency = 1 }, _progress.Add).MigrateNamedAsync(
            [Name],
            None
        );

    private IEnumerable<string?> StoredVersions() =>
        _cluster
            .Find(Resources.CustomResourceDefinitions, null, Name)!
            .Status!.Value.GetProperty("storedVersions")
            .EnumerateArray()
            .Select(version => version.GetString());

    private static CustomResourceDefinition Definition(string storage) =>
        JsonSerializer.Deserialize(
            $$$"""
            {"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"{{{Name}}}"},
             "spec":{"group":"example.com","scope":"Namespaced","names":{"plural":"widgets","kind":"Widget"},
                     "versions":[{"name":"v1beta1","served":true,"storage":false},{"name":"{{{storage}}}","served":true,"storage":true}]},
             "status":{"storedVersions":["v1beta1","{{{storage}}}"]}}
            """,
            Resources.CustomResourceDefinitions.Json
        )!;

    private static KubernetesException Failure(int code, string reason, string message = "no") =>
        new(
            "patch widgets.example.com ns/b",
            new Status
            {
                State = "Failure",
                Code = code,
                Reason = reason,
                Message = message,
            }
        );

    /// <summary>Gives objects in pages of two, and forgets the second page once.</summary>
    private sealed class ForgetfulPages(InMemoryCluster cluster) : IKubernetesClient
    {
        public int Lists { get; private set; }

        public async Task<KubernetesList<T>> ListAsync<T>(
            ResourceType<T> type,
            string? ns,
            ListOptions? options,
            CancellationToken cancellation
        )
            where T : class, IKubernetesObject
        {
            Lists++;
            if (Lists == 2)
            {
                throw Failure(410, "Expired");
            }

            var all = await cluster.ListAsync(type, ns, null, cancellation);
            return string.IsNullOrEmpty(options!.Continue)
                ? all with
                {
                    Items = [.. all.Items.Take(2)],
                    Metadata = all.Metadata with { Continue = "more", RemainingItemCount = 1 },
                }
                : all with
                {
                    Items = [.. all.Items.Skip(2)],
                };
        }

        public Task<T> GetAsync<T>(ResourceType<T> type, string? ns, string name, CancellationToken cancellation)
            where T : class, IKubernetesObject => cluster.GetAsync(type, ns, name, cancellation);

        public Task<T> PatchAsync<T>(
            ResourceType<T> type,
            string? ns,
            string name,
            Patch patch,
            CancellationToken cancellation,
            WriteOptions? options = null,
            string? subresource = null
        )
            where T : class, IKubernetesObject => cluster.PatchAsync(type, ns, name, patch, cancellation, options, subresource);

        public IAsyncEnumerable<WatchEvent<T>> WatchAsync<T>(
            ResourceType<T> type,
            string? ns,
            ListOptions options,
            CancellationToken cancellation
        )
            where T : class, IKubernetesObject => throw new NotSupportedException();

        public Task<T> CreateAsync<T>(ResourceType<T> type, T value, CancellationToken cancellation, WriteOptions? options = null)
            where T : class, IKubernetesObject => throw new NotSupportedException();

        public Task<T> UpdateAsync<T>(ResourceType<T> type, T value, CancellationToken cancellation, WriteOptions? options = null)
            where T : class, IKubernetesObject => throw new NotSupportedException();

        public Task<T> UpdateStatusAsync<T>(ResourceType<T> type, T value, CancellationToken cancellation, WriteOptions? options = null)
            where T : class, IKubernetesObject => throw new NotSupportedException();

        public Task DeleteAsync<T>(
            ResourceType<T> type,
            string? ns,
            string name,
            CancellationToken cancellation,
            DeleteOptions? options = null
        )
            where T : class, IKubernetesObject => throw new NotSupportedException();
    }
}
