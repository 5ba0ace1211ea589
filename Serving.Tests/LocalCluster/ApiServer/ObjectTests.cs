using System.Globalization;
using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;

namespace Serving.Tests.LocalCluster.Api;

[TestFixture]
internal sealed class ObjectTests
{
    private const string Maps = "/api/v1/namespaces/default/configmaps";
    private RunningServer _server = null!;

    [OneTimeSetUp]
    public async Task Start() => _server = await RunningServer.StartAsync();

    [OneTimeTearDown]
    public async Task Stop() => await _server.DisposeAsync();

    [Test]
    public async Task A_new_object_gets_what_the_server_owns()
    {
        var (code, created) = await _server.PostAsync(Maps, Map("owned"));
        code.Should().Be(201);
        var metadata = created["metadata"]!;
        metadata["uid"]!.GetValue<string>().Should().NotBeEmpty();
        metadata["creationTimestamp"].Should().NotBeNull();
        metadata["namespace"]!.GetValue<string>().Should().Be("default");
        (await _server.PostAsync(Maps, Map("owned"))).Body["message"]!.GetValue<string>().Should().Be("configmaps \"owned\" already exists");
    }

    [Test]
    public async Task A_stale_update_conflicts()
    {
        var (_, created) = await _server.PostAsync(Maps, Map("stale"));
        created["data"] = new JsonObject { ["a"] = "2" };
        (await _server.SendAsync(HttpMethod.Put, $"{Maps}/stale", created.ToJsonString())).Code.Should().Be(200);
        var (code, status) = await _server.SendAsync(HttpMethod.Put, $"{Maps}/stale", created.ToJsonString());
        code.Should().Be(409);
        status["message"]!.GetValue<string>().Should().Be(
            "Operation cannot be fulfilled on configmaps \"stale\": the object has been modified; please apply your changes to the latest version and try again");
    }

    [Test]
    public async Task An_update_that_changes_nothing_keeps_the_resourceVersion()
    {
        var (_, created) = await _server.PostAsync(Maps, Map("same"));
        var (_, updated) = await _server.SendAsync(HttpMethod.Put, $"{Maps}/same", created.ToJsonString());
        updated["metadata"]!["resourceVersion"]!.GetValue<string>().Should().Be(created["metadata"]!["resourceVersion"]!.GetValue<string>());
    }

    [Test]
    public async Task Finalizers_hold_a_deleted_object()
    {
        await _server.PostAsync(Maps, """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"held","finalizers":["test/hold"]}}""");
        (await _server.SendAsync(HttpMethod.Delete, $"{Maps}/held")).Body["metadata"]!["deletionTimestamp"].Should().NotBeNull();
        (await _server.GetAsync($"{Maps}/held")).Code.Should().Be(200);
        await _server.SendAsync(HttpMethod.Patch, $"{Maps}/held", """{"metadata":{"finalizers":null}}""", "application/merge-patch+json");
        (await _server.GetAsync($"{Maps}/held")).Code.Should().Be(404);
    }

    [Test]
    public async Task A_bound_pod_stays_until_its_node_lets_it_go()
    {
        const string pods = "/api/v1/namespaces/default/pods";
        await _server.PostAsync(pods, Pod("bound"));
        var (bound, _) = await _server.PostAsync($"{pods}/bound/binding", """{"apiVersion":"v1","kind":"Binding","target":{"name":"local"}}""");
        bound.Should().Be(201);
        await _server.SendAsync(HttpMethod.Delete, $"{pods}/bound");
        var (_, pod) = await _server.GetAsync($"{pods}/bound");
        pod["metadata"]!["deletionGracePeriodSeconds"]!.GetValue<int>().Should().Be(30);
        await _server.SendAsync(HttpMethod.Delete, $"{pods}/bound", """{"gracePeriodSeconds":0}""");
        (await _server.GetAsync($"{pods}/bound")).Code.Should().Be(404);
    }

    [Test]
    public async Task Only_the_status_subresource_writes_the_status()
    {
        const string pods = "/api/v1/namespaces/default/pods";
        var (_, pod) = await _server.PostAsync(pods, Pod("status"));
        pod["status"]!["phase"] = "Running";
        (await _server.SendAsync(HttpMethod.Put, $"{pods}/status", pod.ToJsonString())).Body["status"]!["phase"]!.GetValue<string>().Should().Be("Pending");
        var (_, updated) = await _server.SendAsync(HttpMethod.Put, $"{pods}/status/status", pod.ToJsonString());
        updated["status"]!["phase"]!.GetValue<string>().Should().Be("Running");
        updated["metadata"]!["generation"]!.GetValue<int>().Should().Be(1);
        var (_, list) = await _server.GetAsync($"{pods}?fieldSelector=status.phase%3DRunning,metadata.name%3Dstatus");
        list["items"]!.AsArray().Should().HaveCount(1);
    }

    [Test]
    public async Task Nothing_is_created_in_a_namespace_that_ends()
    {
        await _server.PostAsync("/api/v1/namespaces", """{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"ending"}}""");
        await _server.SendAsync(HttpMethod.Delete, "/api/v1/namespaces/ending");
        var (code, status) = await _server.PostAsync("/api/v1/namespaces/ending/configmaps", Map("late"));
        code.Should().Be(403);
        status["details"]!["causes"]![0]!["reason"]!.GetValue<string>().Should().Be("NamespaceTerminating");
        await _server.SendAsync(HttpMethod.Put, "/api/v1/namespaces/ending/finalize", """{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"ending"},"spec":{"finalizers":[]}}""");
        (await _server.GetAsync("/api/v1/namespaces/ending")).Code.Should().Be(404);
    }

    [Test]
    public async Task Strict_validation_names_unknown_and_repeated_fields()
    {
        var (code, status) = await _server.PostAsync(
            $"{Maps}?fieldValidation=Strict", """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"strict"},"data":{"a":"1","a":"2"},"foo":1}""");
        code.Should().Be(400);
        status["message"]!.GetValue<string>().Should().EndWith("strict decoding error: unknown field \"foo\", duplicate field \"data.a\"");
    }

    [Test]
    public async Task Pages_show_one_revision()
    {
        await _server.PostAsync("/api/v1/namespaces", """{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"pages"}}""");
        const string maps = "/api/v1/namespaces/pages/configmaps";
        for (var i = 0; i < 5; i++)
            await _server.PostAsync(maps, Map($"m{i}"));
        var (_, first) = await _server.GetAsync($"{maps}?limit=2");
        await _server.SendAsync(HttpMethod.Delete, $"{maps}/m3");
        var next = first["metadata"]!["continue"]!.GetValue<string>();
        var (_, rest) = await _server.GetAsync($"{maps}?limit=10&continue={next}");
        rest["items"]!.AsArray().Select(i => i!["metadata"]!["name"]!.GetValue<string>()).Should().Equal("m2", "m3", "m4");
    }

    [Test]
    public async Task A_watch_tells_in_order_and_resumes()
    {
        var (_, list) = await _server.GetAsync(Maps);
        var version = list["metadata"]!["resourceVersion"]!.GetValue<string>();
        await _server.PostAsync(Maps, Map("watched", "yes"));
        await _server.SendAsync(HttpMethod.Patch, $"{Maps}/watched", """{"metadata":{"labels":{"seen":"no"}}}""", "application/merge-patch+json");
        using var watch = await _server.WatchAsync($"{Maps}?watch=true&resourceVersion={version}&labelSelector=seen%3Dyes");
        var added = await RunningServer.NextAsync(watch);
        added["type"]!.GetValue<string>().Should().Be("ADDED");
        var gone = await RunningServer.NextAsync(watch);
        gone["type"]!.GetValue<string>().Should().Be("DELETED", "the object left the selection");
        var versions = new[] { added, gone }.Select(e => long.Parse(e["object"]!["metadata"]!["resourceVersion"]!.GetValue<string>(), CultureInfo.InvariantCulture));
        versions.Should().BeInAscendingOrder();
    }

    [Test]
    public async Task A_watch_list_ends_its_initial_events_with_a_bookmark()
    {
        await _server.PostAsync(Maps, Map("initial", "initial"));
        using var watch = await _server.WatchAsync(
            $"{Maps}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&labelSelector=seen%3Dinitial");
        (await RunningServer.NextAsync(watch))["type"]!.GetValue<string>().Should().Be("ADDED");
        var bookmark = await RunningServer.NextAsync(watch);
        bookmark["type"]!.GetValue<string>().Should().Be("BOOKMARK");
        bookmark["object"]!["metadata"]!["annotations"]!["k8s.io/initial-events-end"]!.GetValue<string>().Should().Be("true");
    }

    [Test]
    public async Task A_watch_from_before_the_history_is_told_so()
    {
        using var watch = await _server.WatchAsync($"{Maps}?watch=true&resourceVersion=999999999");
        var error = await RunningServer.NextAsync(watch);
        error["type"]!.GetValue<string>().Should().Be("ERROR");
        error["object"]!["code"]!.GetValue<int>().Should().Be(410);
    }

    [Test]
    public async Task Services_get_addresses_and_defaults()
    {
        var (code, service) = await _server.PostAsync(
            "/api/v1/namespaces/default/services",
            """{"apiVersion":"v1","kind":"Service","metadata":{"name":"web"},"spec":{"type":"NodePort","ports":[{"port":80}]}}""");
        code.Should().Be(201);
        service["spec"]!["clusterIP"]!.GetValue<string>().Should().StartWith("10.96.");
        service["spec"]!["ports"]![0]!["targetPort"]!.GetValue<int>().Should().Be(80);
        service["spec"]!["ports"]![0]!["nodePort"]!.GetValue<int>().Should().BeGreaterThanOrEqualTo(30000);
    }

    [Test]
    public async Task Requests_without_the_token_are_refused()
    {
        using var message = new HttpRequestMessage(HttpMethod.Get, Maps);
        message.Headers.TryAddWithoutValidation("Authorization", "Bearer wrong");
        using var response = await _server.Client.SendAsync(message);
        ((int)response.StatusCode).Should().Be(401);
    }

    private static string Map(string name, string? seen = null) =>
        $$"""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"{{name}}","labels":{"seen":"{{seen ?? "never"}}"} },"data":{"a":"1"} }""";

    private static string Pod(string name) =>
        $$"""{"apiVersion":"v1","kind":"Pod","metadata":{"name":"{{name}}"},"spec":{"containers":[{"name":"c","image":"i"}]} }""";
}
