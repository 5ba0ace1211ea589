using System.Globalization;
using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;

namespace Serving.Tests.LocalCluster.ApiServer;

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
        (await _server.PostAsync(Maps, Map("owned"))).Body["message"]!
            .GetValue<string>()
            .Should()
            .Be("configmaps \"owned\" already exists");
    }

    [Test]
    public async Task A_stale_update_conflicts()
    {
        var (_, created) = await _server.PostAsync(Maps, Map("stale"));
        created["data"] = new JsonObject { ["a"] = "2" };
        (await _server.SendAsync(HttpMethod.Put, $"{Maps}/stale", created.ToJsonString())).Code.Should().Be(200);
        var (code, status) = await _server.SendAsync(HttpMethod.Put, $"{Maps}/stale", created.ToJsonString());
        code.Should().Be(409);
        status["message"]!
            .GetValue<string>()
            .Should()
            .Be(
                "Operation cannot be fulfilled on configmaps \"stale\": the object has been modified; please apply your changes to the latest version and try again"
            );
    }

    [Test]
    public async Task An_update_that_changes_nothing_keeps_the_resourceVersion()
    {
        var (_, created) = await _server.PostAsync(Maps, Map("same"));
        var (_, updated) = await _server.SendAsync(HttpMethod.Put, $"{Maps}/same", created.ToJsonString());
        updated["metadata"]!["resourceVersion"]!
            .GetValue<string>()
            .Should()
            .Be(created["metadata"]!["resourceVersion"]!.GetValue<string>());
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
        var (bound, _) = await _server.PostAsync(
            $"{pods}/bound/binding",
            """{"apiVersion":"v1","kind":"Binding","target":{"name":"local"}}"""
        );
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
        (await _server.SendAsync(HttpMethod.Put, $"{pods}/status", pod.ToJsonString())).Body["status"]!["phase"]!
            .GetValue<string>()
            .Should()
            .Be("Pending");
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
        await _server.SendAsync(
            HttpMethod.Put,
            "/api/v1/namespaces/ending/finalize",
            """{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"ending"},"spec":{"finalizers":[]}}"""
        );
        (await _server.GetAsync("/api/v1/namespaces/ending")).Code.Should().Be(404);
    }

    [Test]
    public async Task Strict_validation_names_unknown_and_repeated_fields()
    {
        var (code, status) = await _server.PostAsync(
            $"{Maps}?fieldValidation=Strict",
            """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"strict"},"data":{"a":"1","a":"2"},"foo":1}"""
        );
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
        await _server.SendAsync(
            HttpMethod.Patch,
            $"{Maps}/watched",
            """{"metadata":{"labels":{"seen":"no"}}}""",
            "application/merge-patch+json"
        );
        using var watch = await _server.WatchAsync($"{Maps}?watch=true&resourceVersion={version}&labelSelector=seen%3Dyes");
        var added = await RunningServer.NextAsync(watch);
        added["type"]!.GetValue<string>().Should().Be("ADDED");
        var gone = await RunningServer.NextAsync(watch);
        gone["type"]!.GetValue<string>().Should().Be("DELETED", "the object left the selection");
        var versions = new[] { added, gone }.Select(e =>
            long.Parse(e["object"]!["metadata"]!["resourceVersion"]!.GetValue<string>(), CultureInfo.InvariantCulture)
        );
        versions.Should().BeInAscendingOrder();
    }

    [Test]
    public async Task A_watch_list_ends_its_initial_events_with_a_bookmark()
    {
        await _server.PostAsync(Maps, Map("initial", "initial"));
        using var watch = await _server.WatchAsync(
            $"{Maps}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&labelSelector=seen%3Dinitial"
        );
        (await RunningServer.NextAsync(watch))["type"]!.GetValue<string>().Should().Be("ADDED");
        var bookmark = await RunningServer.NextAsync(watch);
        bookmark["type"]!.GetValue<string>().Should().Be("BOOKMARK");
        bookmark["object"]!["metadata"]!["annotations"]!["k8s.io/initial-events-end"]!.GetValue<string>().Should().Be("true");
    }

    [Test]
    public async Task A_watch_whose_time_is_up_ends_with_one_bookmark()
    {
        using var watch = await _server.WatchAsync(
            $"{Maps}?watch=true&allowWatchBookmarks=true&timeoutSeconds=1&labelSelector=seen%3Dnobody"
        );

        var lines = (await watch.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(20))).Split('\n', StringSplitOptions.RemoveEmptyEntries);

        lines.Should().ContainSingle().Which.Should().Contain("BOOKMARK");
    }

    [TestCase("\"maxSurge\":\"many\"", "spec.strategy.rollingUpdate.maxSurge: Invalid value: \"many\": a valid percent string must be")]
    [TestCase("\"maxSurge\":-1", "spec.strategy.rollingUpdate.maxSurge: Invalid value: -1: must be greater than or equal to 0")]
    [TestCase(
        "\"maxUnavailable\":\"120%\"",
        "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"120%\": must not be greater than 100%"
    )]
    [TestCase("\"maxUnavailable\":0,\"maxSurge\":\"0%\"", "may not be 0 when `maxSurge` is 0")]
    public async Task A_rollout_that_could_not_be_reckoned_is_refused(string bounds, string message)
    {
        const string deployment = """
            {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"rollout"},
             "spec":{"strategy":{"rollingUpdate":{BOUNDS}},"selector":{"matchLabels":{"a":"b"}},
              "template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"x"}]}}}}
            """;
        var (code, status) = await _server.PostAsync(
            "/apis/apps/v1/namespaces/default/deployments",
            deployment.Replace("BOUNDS", bounds, StringComparison.Ordinal)
        );

        code.Should().Be(422);
        status["message"]!.GetValue<string>().Should().StartWith("Deployment.apps \"rollout\" is invalid: ").And.Contain(message);
    }

    [Test]
    public async Task A_lease_is_not_replaced_blindly()
    {
        const string leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
        const string lease =
            """{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"blind"},"spec":{"holderIdentity":"a"}}""";
        await _server.PostAsync(leases, lease);

        var (code, status) = await _server.SendAsync(HttpMethod.Put, $"{leases}/blind", lease);

        code.Should().Be(422);
        status["message"]!.GetValue<string>().Should().Contain("metadata.resourceVersion").And.Contain("must be specified for an update");
    }

    [Test]
    public async Task An_autoscaler_is_the_same_in_both_versions()
    {
        const string v1 = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers";
        const string v2 = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers";
        await _server.PostAsync(
            v2,
            """
            {"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"both"},
             "spec":{"scaleTargetRef":{"kind":"Deployment","name":"d"},"maxReplicas":3,"metrics":[
              {"type":"Resource","resource":{"name":"memory","target":{"type":"Utilization","averageUtilization":50}}},
              {"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":70}}}]}}
            """
        );

        var (_, old) = await _server.GetAsync($"{v1}/both");
        old["spec"]!["targetCPUUtilizationPercentage"]!.GetValue<int>().Should().Be(70);
        old["spec"]!["maxReplicas"] = 5;
        (await _server.SendAsync(HttpMethod.Put, $"{v1}/both", old.ToJsonString())).Code.Should().Be(200);

        var (_, now) = await _server.GetAsync($"{v2}/both");
        now["spec"]!["maxReplicas"]!.GetValue<int>().Should().Be(5);
        now["spec"]!["metrics"]!
            .AsArray()
            .Select(m => m!["resource"]!["name"]!.GetValue<string>())
            .Should()
            .BeEquivalentTo("cpu", "memory");
        now["metadata"]!.AsObject().ContainsKey("annotations").Should().BeFalse();
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
            """{"apiVersion":"v1","kind":"Service","metadata":{"name":"web"},"spec":{"type":"NodePort","ports":[{"port":80}]}}"""
        );
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
