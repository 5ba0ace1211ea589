using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Kubernetes.Client;
using Serving.Tests.Support;

namespace Serving.Tests.LocalCluster.Controllers;

/// <summary>Owners and dependents, over the real API.</summary>
public sealed class GarbageCollectionTests
{
    private RunningControllers _cluster = null!;

    [OneTimeSetUp]
    public async Task Start()
    {
        _cluster = await RunningControllers.StartAsync();
        await _cluster.DefineKindsAsync();
    }

    [OneTimeTearDown]
    public async Task Stop() => await _cluster.DisposeAsync();

    [Test]
    public async Task What_an_object_owned_goes_after_it_over_generations()
    {
        var owner = await CreateAsync("background");
        var child = await CreateAsync("background-child", owner);
        await CreateAsync("background-grandchild", child);

        await _cluster.DeleteAsync(Resources.ConfigMaps, "background");

        await GoneAsync("background", "background-child", "background-grandchild");
    }

    [Test]
    public async Task A_foreground_delete_lets_the_owner_go_last()
    {
        var owner = await CreateAsync("foreground");
        var child = await CreateAsync("foreground-child", owner);
        await HoldAsync(await CreateAsync("foreground-grandchild", child));

        await _cluster.DeleteAsync(Resources.ConfigMaps, "foreground", "Foreground");

        await Eventually.HoldsAsync(async () =>
            (await FindAsync("foreground-grandchild"))!.Metadata.DeletionTimestamp.Should().NotBeNull()
        );
        (await FindAsync("foreground-child"))!.Metadata.DeletionTimestamp.Should().NotBeNull();
        (await FindAsync("foreground"))!.Metadata.Finalizers.Should().Contain("foregroundDeletion");
        await ReleaseAsync("foreground-grandchild");
        await GoneAsync("foreground", "foreground-child", "foreground-grandchild");
    }

    [Test]
    public async Task A_foreground_delete_spares_what_has_another_owner()
    {
        var one = await CreateAsync("shared-one");
        var two = await CreateAsync("shared-two");
        await CreateAsync("shared-child", one, two);

        await _cluster.DeleteAsync(Resources.ConfigMaps, "shared-one", "Foreground");

        await GoneAsync("shared-one");
        var child = await FindAsync("shared-child");
        child!.Metadata.DeletionTimestamp.Should().BeNull();
        child.Metadata.OwnerReferences.Should().ContainSingle().Which.Uid.Should().Be(two.Metadata.Uid);
    }

    [Test]
    public async Task An_orphaning_delete_leaves_the_children_without_owner()
    {
        var owner = await CreateAsync("orphaning");
        await CreateAsync("orphaning-child-1", owner);
        await CreateAsync("orphaning-child-2", owner);
        var last = await CreateAsync("orphaning-last");

        await _cluster.DeleteAsync(Resources.ConfigMaps, "orphaning", "Orphan");

        await GoneAsync("orphaning");

        // A later event has been processed, so the children have been checked too.
        await CreateAsync("orphaning-last-child", last);
        await _cluster.DeleteAsync(Resources.ConfigMaps, "orphaning-last");
        await GoneAsync("orphaning-last-child");
        foreach (var name in (string[])["orphaning-child-1", "orphaning-child-2"])
        {
            var child = await FindAsync(name);
            child.Should().NotBeNull();
            child!.Metadata.OwnerReferences.Should().BeEmpty();
            child.Metadata.DeletionTimestamp.Should().BeNull();
        }
    }

    [Test]
    public async Task An_object_whose_owner_was_never_there_goes()
    {
        var owner = await CreateAsync("never");
        await _cluster.DeleteAsync(Resources.ConfigMaps, "never");

        await CreateAsync("never-child", owner);

        await GoneAsync("never-child");
    }

    [Test]
    public async Task An_object_whose_owner_was_replaced_by_a_namesake_goes()
    {
        var before = await CreateAsync("namesake");
        await _cluster.DeleteAsync(Resources.ConfigMaps, "namesake");
        await CreateAsync("namesake");

        await CreateAsync("namesake-child", before);

        await GoneAsync("namesake-child");
        (await FindAsync("namesake")).Should().NotBeNull();
    }

    [Test]
    public async Task Custom_objects_own_and_are_owned()
    {
        var route = await _cluster.Client.CreateAsync(
            Resources.Routes,
            new Route
            {
                Metadata = new ObjectMeta { Name = "r", Namespace = "default" },
                Spec = new RouteSpec(),
            },
            CancellationToken.None
        );
        var owned = new Configuration
        {
            Metadata = new ObjectMeta
            {
                Name = "c",
                Namespace = "default",
                OwnerReferences = [Reference(route, Resources.Routes)],
            },
            Spec = new ConfigurationSpec
            {
                Template = new RevisionTemplateSpec { Spec = new RevisionSpec { Containers = [new Container { Image = "i" }] } },
            },
        };
        var configuration = await _cluster.Client.CreateAsync(Resources.Configurations, owned, CancellationToken.None);
        await CreateAsync("custom-child", [Reference(configuration, Resources.Configurations)]);

        await _cluster.DeleteAsync(Resources.Routes, "r");

        await Eventually.HoldsAsync(async () => (await _cluster.ListAsync(Resources.Configurations)).Should().BeEmpty());
        await GoneAsync("custom-child");
    }

    [Test]
    public async Task A_kind_that_goes_takes_what_its_objects_owned_and_does_not_flood_the_log()
    {
        await _cluster.ApplyAsync(Definition);
        var type = Unstructured.Type("example.com", "v1", "gadgets", "Gadget", namespaced: true);
        await FollowedAsync(type);
        var gadget = (
            await _cluster.ApplyAsync("{apiVersion: example.com/v1, kind: Gadget, metadata: {name: g, namespace: default}}")
        ).Single();
        await CreateAsync("gadget-child", [Reference(gadget, type)]);

        await _cluster.DeleteAsync(Resources.CustomResourceDefinitions, "gadgets.example.com");

        await GoneAsync("gadget-child");
        await Eventually.HoldsAsync(async () =>
            (await _cluster.FindAsync(Resources.CustomResourceDefinitions, "gadgets.example.com")).Should().BeNull()
        );

        // A recreated kind is watched again.
        await _cluster.ApplyAsync(Definition);
        gadget = (
            await _cluster.ApplyAsync("{apiVersion: example.com/v1, kind: Gadget, metadata: {name: h, namespace: default}}")
        ).Single();
        await CreateAsync("gadget-child-again", [Reference(gadget, type)]);
        await _cluster.DeleteAsync(type, "h");
        await GoneAsync(TimeSpan.FromSeconds(30), "gadget-child-again");
        _cluster.Warnings.Where(line => line.Contains("gadgets", StringComparison.Ordinal)).Should().HaveCountLessThan(4);
    }

    // An owner whose kind is removed before it was cached looks like one of a kind that never existed. The loop of the owner's kind
    // executes a foreground delete, so when one is done, the kind is watched.
    private async Task FollowedAsync(ResourceType<Unstructured> type)
    {
        var first = (
            await _cluster.ApplyAsync("{apiVersion: example.com/v1, kind: Gadget, metadata: {name: first, namespace: default}}")
        ).Single();
        await CreateAsync("first-child", [Reference(first, type)]);
        await _cluster.DeleteAsync(type, "first", "Foreground");
        await GoneAsync(TimeSpan.FromSeconds(30), "first-child");
        await Eventually.HoldsAsync(async () => (await _cluster.FindAsync(type, "first")).Should().BeNull(), TimeSpan.FromSeconds(30));
    }

    private const string Definition = """
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: {name: gadgets.example.com}
        spec:
          group: example.com
          scope: Namespaced
          names: {plural: gadgets, singular: gadget, kind: Gadget, listKind: GadgetList}
          versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
        """;

    private static OwnerReference Reference(IKubernetesObject owner, ResourceType type) =>
        new()
        {
            ApiVersion = type.ApiVersion,
            Kind = type.Kind,
            Name = owner.Metadata.Name,
            Uid = owner.Metadata.Uid,
            BlockOwnerDeletion = true,
        };

    private Task<ConfigMap> CreateAsync(string name, params ConfigMap[] owners) =>
        CreateAsync(name, [.. owners.Select(owner => Reference(owner, Resources.ConfigMaps))]);

    private Task<ConfigMap> CreateAsync(string name, OwnerReference[] owners) =>
        _cluster.Client.CreateAsync(
            Resources.ConfigMaps,
            new ConfigMap
            {
                Metadata = new ObjectMeta
                {
                    Name = name,
                    Namespace = "default",
                    OwnerReferences = owners,
                },
            },
            CancellationToken.None
        );

    private Task<ConfigMap?> FindAsync(string name) => _cluster.FindAsync(Resources.ConfigMaps, name);

    private Task HoldAsync(ConfigMap map) =>
        _cluster.Client.PatchAsync(
            Resources.ConfigMaps,
            "default",
            map.Metadata.Name,
            new Patch(PatchType.Merge, """{"metadata":{"finalizers":["example.com/hold"]}}"""),
            CancellationToken.None
        );

    private Task ReleaseAsync(string name) =>
        _cluster.Client.PatchAsync(
            Resources.ConfigMaps,
            "default",
            name,
            new Patch(
                PatchType.Json,
                """[{"op":"test","path":"/metadata/finalizers/0","value":"example.com/hold"},{"op":"remove","path":"/metadata/finalizers/0"}]"""
            ),
            CancellationToken.None
        );

    private Task GoneAsync(params string[] names) => GoneAsync(TimeSpan.FromSeconds(10), names);

    private Task GoneAsync(TimeSpan within, params string[] names) =>
        Eventually.HoldsAsync(
            async () =>
            {
                foreach (var name in names)
                {
                    (await FindAsync(name)).Should().BeNull(name);
                }
            },
            within
        );
}
