using System.Diagnostics;
using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;

namespace Serving.Tests.LocalCluster.ApiServer;

[TestFixture]
internal sealed class CustomResourceTests
{
    private const string Definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    private const string Widgets = "/apis/example.com/v1/namespaces/default/widgets";
    private RunningServer _server = null!;

    [OneTimeSetUp]
    public async Task Start()
    {
        _server = await RunningServer.StartAsync();
        var (code, _) = await _server.PostAsync(Definitions, Definition("widgets", "Widget"));
        code.Should().Be(201);
        await UntilAsync(async () => (await _server.GetAsync(Widgets)).Code == 200);
    }

    [OneTimeTearDown]
    public async Task Stop() => await _server.DisposeAsync();

    [Test]
    public async Task Unknown_fields_are_pruned_and_defaults_set()
    {
        var (code, created) = await _server.PostAsync(
            Widgets,
            """{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"a"},"spec":{"size":1,"foo":2,"free":{"x":1}}}"""
        );
        code.Should().Be(201);
        var spec = created["spec"]!.AsObject();
        spec.ContainsKey("foo").Should().BeFalse();
        spec["color"]!.GetValue<string>().Should().Be("red");
        spec["free"]!["x"]!.GetValue<int>().Should().Be(1);
    }

    [Test]
    public async Task Wrong_values_are_refused_by_name()
    {
        var (code, status) = await _server.PostAsync(
            Widgets,
            """{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"wrong"},"spec":{"size":0}}"""
        );
        code.Should().Be(422);
        status["message"]!
            .GetValue<string>()
            .Should()
            .Be(
                "Widget.example.com \"wrong\" is invalid: spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"
            );
    }

    [Test]
    public async Task An_update_must_name_a_resourceVersion()
    {
        await _server.PostAsync(Widgets, """{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"put"},"spec":{"size":1}}""");
        var (code, status) = await _server.SendAsync(
            HttpMethod.Put,
            $"{Widgets}/put",
            """{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"put"},"spec":{"size":2}}"""
        );
        code.Should().Be(422);
        status["message"]!.GetValue<string>().Should().Contain("must be specified for an update");
    }

    [Test]
    public async Task The_generation_counts_the_specification_only()
    {
        await _server.PostAsync(
            Widgets,
            """{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"counted"},"spec":{"size":1}}"""
        );
        async Task<int> Patch(string path, string body) =>
            (await _server.SendAsync(HttpMethod.Patch, path, body, "application/merge-patch+json")).Body["metadata"]![
                "generation"
            ]!.GetValue<int>();
        (await Patch($"{Widgets}/counted", """{"metadata":{"labels":{"a":"b"}}}""")).Should().Be(1);
        (await Patch($"{Widgets}/counted/status", """{"status":{"ready":"yes"}}""")).Should().Be(1);
        (await Patch($"{Widgets}/counted", """{"spec":{"size":2}}""")).Should().Be(2);
    }

    [Test]
    public async Task Scale_reads_and_writes_the_paths_of_the_definition()
    {
        await _server.PostAsync(
            Widgets,
            """{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"scaled"},"spec":{"size":1}}"""
        );
        var (code, scale) = await _server.SendAsync(
            HttpMethod.Patch,
            $"{Widgets}/scaled/scale",
            """{"spec":{"replicas":4}}""",
            "application/merge-patch+json"
        );
        code.Should().Be(200);
        scale["spec"]!["replicas"]!.GetValue<int>().Should().Be(4);
        (await _server.GetAsync($"{Widgets}/scaled")).Body["spec"]!["size"]!.GetValue<int>().Should().Be(4);
    }

    [Test]
    public async Task Tables_have_the_columns_of_the_definition()
    {
        var (_, table) = await _server.SendAsync(
            HttpMethod.Get,
            Widgets,
            accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
        );
        table["columnDefinitions"]!.AsArray().Select(c => c!["name"]!.GetValue<string>()).Should().Equal("Name", "Size");
    }

    [Test]
    public async Task A_definition_takes_its_objects_with_it()
    {
        await _server.PostAsync(Definitions, Definition("gadgets", "Gadget"));
        const string gadgets = "/apis/example.com/v1/namespaces/default/gadgets";
        await UntilAsync(async () => (await _server.GetAsync(gadgets)).Code == 200);
        await _server.PostAsync(gadgets, """{"apiVersion":"example.com/v1","kind":"Gadget","metadata":{"name":"g"},"spec":{"size":1}}""");
        await _server.SendAsync(HttpMethod.Delete, $"{Definitions}/gadgets.example.com");
        await UntilAsync(async () => (await _server.GetAsync($"{Definitions}/gadgets.example.com")).Code == 404);
        await UntilAsync(async () => (await _server.GetAsync(gadgets)).Code == 404);
    }

    [Test]
    public async Task The_finalizers_of_a_definition_are_kept_and_hold_it()
    {
        var definition = JsonNode.Parse(Definition("things", "Thing"))!;
        definition["metadata"]!["finalizers"] = new JsonArray("example.com/hold");
        var (_, created) = await _server.PostAsync(Definitions, definition.ToJsonString());
        created["metadata"]!["finalizers"]!
            .AsArray()
            .Select(f => f!.GetValue<string>())
            .Should()
            .Equal("example.com/hold", "customresourcecleanup.apiextensions.k8s.io");

        await _server.SendAsync(HttpMethod.Delete, $"{Definitions}/things.example.com");
        await UntilAsync(async () =>
            (await _server.GetAsync($"{Definitions}/things.example.com")).Body["metadata"]!["finalizers"]!.AsArray().Count == 1
        );
        await _server.SendAsync(
            HttpMethod.Patch,
            $"{Definitions}/things.example.com",
            """{"metadata":{"finalizers":null}}""",
            "application/merge-patch+json"
        );
        await UntilAsync(async () => (await _server.GetAsync($"{Definitions}/things.example.com")).Code == 404);
    }

    [Test]
    public async Task Objects_are_selected_by_the_fields_that_the_definition_names()
    {
        foreach (var color in (string[])["green", "blue"])
        {
            await _server.PostAsync(
                Widgets,
                $$$"""{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"{{{color}}}"},"spec":{"size":1,"color":"{{{color}}}"}}"""
            );
        }

        var (_, green) = await _server.GetAsync($"{Widgets}?fieldSelector=spec.color%3Dgreen");
        green["items"]!.AsArray().Select(i => i!["metadata"]!["name"]!.GetValue<string>()).Should().Equal("green");
        (await _server.GetAsync($"{Widgets}?fieldSelector=spec.size%3D1")).Code.Should().Be(400);
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            watch.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(10));
            await Task.Delay(20);
        }
    }

    private static string Definition(string plural, string kind) =>
        JsonNode
            .Parse(
                $$"""
                {"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"{{plural}}.example.com"},
                 "spec":{"group":"example.com","scope":"Namespaced","names":{"plural":"{{plural}}","kind":"{{kind}}","shortNames":["w"]},
                  "versions":[{"name":"v1","served":true,"storage":true,
                   "additionalPrinterColumns":[{"name":"Size","type":"integer","jsonPath":".spec.size"}],
                   "selectableFields":[{"jsonPath":".spec.color"}],
                   "subresources":{"status":{ },"scale":{"specReplicasPath":".spec.size","statusReplicasPath":".status.size"} },
                   "schema":{"openAPIV3Schema":{"type":"object","properties":{
                     "spec":{"type":"object","required":["size"],"properties":{"size":{"type":"integer","minimum":1},"color":{"type":"string","default":"red"},
                       "free":{"type":"object","x-kubernetes-preserve-unknown-fields":true} } },
                     "status":{"type":"object","properties":{"ready":{"type":"string"},"size":{"type":"integer"} } } } } } }]} }
                """
            )!
            .ToJsonString();
}
