using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;

namespace Serving.Tests.LocalCluster.ApiServer;

/// <summary>The subresource <c>pods/resize</c> over HTTP, with the answers of Kubernetes 1.34.</summary>
public sealed class PodResizeTests
{
    private const string Pods = "/api/v1/namespaces/default/pods";
    private const string Strategic = "application/strategic-merge-patch+json";
    private const string Merge = "application/merge-patch+json";
    private const string JsonPatch = "application/json-patch+json";
    private const string Burstable = """{"requests":{"cpu":"100m","memory":"64Mi"},"limits":{"cpu":"500m","memory":"128Mi"}}""";
    private const string Guaranteed = """{"requests":{"cpu":"100m","memory":"64Mi"},"limits":{"cpu":"100m","memory":"64Mi"}}""";

    private RunningServer _server = null!;
    private int _pods;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await RunningServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase(Strategic, """{"spec":{"containers":[{"name":"c","resources":{"limits":{"cpu":"2"}}}]}}""")]
    [TestCase(Merge, """{"spec":{"containers":[{"name":"c","resources":RESOURCES}]}}""")]
    [TestCase(JsonPatch, """[{"op":"replace","path":"/spec/containers/0/resources/limits/cpu","value":"2"}]""")]
    [TestCase(
        "application/apply-patch+yaml",
        """{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"c","resources":{"limits":{"cpu":"2"}}}]}}"""
    )]
    public async Task Every_kind_of_patch_changes_the_resources_and_counts_a_generation(string type, string patch)
    {
        var name = await CreateAsync(Burstable);

        var (code, pod) = await ResizeAsync(
            name,
            patch.Replace("RESOURCES", Burstable.Replace("500m", "2", StringComparison.Ordinal), StringComparison.Ordinal),
            type,
            "?fieldManager=test&force=true"
        );

        code.Should().Be(200, pod.ToJsonString());
        Resources(pod).Should().Be(Burstable.Replace("500m", "2", StringComparison.Ordinal));
        pod["metadata"]!["generation"]!.GetValue<int>().Should().Be(2);
        pod["spec"]!["containers"]![0]!["image"]!.GetValue<string>().Should().Be("i");
    }

    [Test]
    public async Task A_replacement_changes_only_the_resources()
    {
        var name = await CreateAsync(Burstable);
        var (_, pod) = await _server.GetAsync($"{Pods}/{name}/resize");
        pod["spec"]!["containers"]![0]!["resources"]!["requests"]!["cpu"] = "200m";
        pod["spec"]!["containers"]![0]!["image"] = "other";
        pod["spec"]!["activeDeadlineSeconds"] = 5;
        pod["metadata"]!["labels"] = new JsonObject { ["a"] = "b" };
        pod["status"]!["phase"] = "Failed";

        var (code, changed) = await _server.SendAsync(HttpMethod.Put, $"{Pods}/{name}/resize", pod.ToJsonString());

        code.Should().Be(200, changed.ToJsonString());
        Resources(changed).Should().Contain("\"cpu\":\"200m\"");
        changed["spec"]!["containers"]![0]!["image"]!.GetValue<string>().Should().Be("i");
        changed["spec"]!["activeDeadlineSeconds"].Should().BeNull();
        changed["metadata"]!["labels"].Should().BeNull();
        changed["status"]!["phase"]!.GetValue<string>().Should().Be("Pending");
    }

    [Test]
    public async Task The_same_amounts_in_another_spelling_change_nothing()
    {
        var name = await CreateAsync(Burstable);
        var (_, before) = await _server.GetAsync($"{Pods}/{name}");

        var (code, after) = await ResizeAsync(
            name,
            Containers("""{"name":"c","resources":{"limits":{"cpu":"0.5","memory":"131072Ki"}}}""")
        );

        code.Should().Be(200);
        after.ToJsonString().Should().Be(before.ToJsonString());
    }

    [Test]
    public async Task A_resize_of_an_old_version_is_a_conflict()
    {
        var name = await CreateAsync(Burstable);
        var (_, old) = await _server.GetAsync($"{Pods}/{name}");
        await ResizeAsync(name, Containers("""{"name":"c","resources":{"limits":{"cpu":"1"}}}"""));

        (await _server.SendAsync(HttpMethod.Put, $"{Pods}/{name}/resize", old.ToJsonString())).Code.Should().Be(409);
    }

    [TestCase(
        Burstable,
        """{"name":"c","resources":{"requests":{"cpu":"1"}}}""",
        "spec.containers[0].resources.requests: Invalid value: \"1\": must be less than or equal to cpu limit of 500m"
    )]
    [TestCase(Burstable, """{"name":"c","resources":{"requests":{"cpu":null}}}""", null)]
    [TestCase(
        """{"requests":{"cpu":"100m","memory":"64Mi"}}""",
        """{"name":"c","resources":{"requests":{"memory":null}}}""",
        "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed"
    )]
    [TestCase(
        Burstable,
        """{"name":"c","resources":{"limits":{"memory":null}}}""",
        "spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed"
    )]
    [TestCase(
        Burstable,
        """{"name":"c","resources":{"requests":{"cpu":"500m","memory":"128Mi"}}}""",
        "spec: Invalid value: \"Burstable\": Pod QOS Class may not change as a result of resizing"
    )]
    [TestCase(
        Guaranteed,
        """{"name":"c","resources":{"limits":{"cpu":"200m"}}}""",
        "spec: Invalid value: \"Guaranteed\": Pod QOS Class may not change as a result of resizing"
    )]
    [TestCase(
        "{}",
        """{"name":"c","resources":{"requests":{"cpu":"200m"}}}""",
        "spec: Invalid value: \"BestEffort\": Pod QOS Class may not change as a result of resizing"
    )]
    [TestCase(Guaranteed, """{"name":"c","resources":{"limits":{"cpu":"200m"},"requests":{"cpu":"200m"}}}""", null)]
    [TestCase(Burstable, """{"name":"c","resources":{"limits":{"memory":"100Mi"}}}""", null)]
    [TestCase(
        Burstable,
        """{"name":"c","resources":{"limits":{"ephemeral-storage":"1Gi"}}}""",
        "spec: Forbidden: only cpu and memory resources are mutable"
    )]
    [TestCase(
        Burstable,
        """{"name":"c","resizePolicy":[{"resourceName":"cpu","restartPolicy":"RestartContainer"}]}""",
        "spec: Forbidden: only cpu and memory resources are mutable"
    )]
    [TestCase(Burstable, """{"name":"new","image":"i"}""", "spec.containers: Forbidden: containers may not be added or removed on resize")]
    public async Task What_Kubernetes_refuses_is_refused(string resources, string container, string? refusal)
    {
        var name = await CreateAsync(resources);

        var (code, answer) = await ResizeAsync(name, Containers(container));

        if (refusal is null)
        {
            code.Should().Be(200, answer.ToJsonString());
        }
        else
        {
            code.Should().Be(422, answer.ToJsonString());
            answer["reason"]!.GetValue<string>().Should().Be("Invalid");
            answer["message"]!.GetValue<string>().Should().Be($"Pod \"{name}\" is invalid: {refusal}");
        }
    }

    [TestCase(
        """[{"op":"replace","path":"/spec/containers/0/name","value":"d"}]""",
        "spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize"
    )]
    [TestCase(
        """[{"op":"replace","path":"/spec/initContainers/1/name","value":"d"}]""",
        "spec.initContainers[1].name: Forbidden: initContainers may not be renamed or reordered on resize"
    )]
    [TestCase(
        """[{"op":"remove","path":"/spec/initContainers/0"}]""",
        "spec.initContainers: Forbidden: initContainers may not be added or removed on resize"
    )]
    [TestCase(
        """[{"op":"add","path":"/spec/initContainers/0/resources/requests/cpu","value":"50m"}]""",
        "spec: Forbidden: resources for non-sidecar init containers are immutable"
    )]
    [TestCase("""[{"op":"add","path":"/spec/initContainers/1/resources/requests/cpu","value":"50m"}]""", null)]
    [TestCase(
        """[{"op":"add","path":"/spec/initContainers/1/resources/requests/ephemeral-storage","value":"50M"}]""",
        "spec: Forbidden: only cpu and memory resources for sidecar containers are mutable"
    )]
    [TestCase(
        """[{"op":"add","path":"/spec/resources","value":{"requests":{"cpu":"1"}}}]""",
        ": Forbidden: pods with pod-level resources cannot be resized"
    )]
    public async Task Init_containers_and_names_have_their_own_rules(string patch, string? refusal)
    {
        const string init = """
            "initContainers":[
              {"name":"once","image":"i","resources":{"requests":{"cpu":"10m"}}},
              {"name":"sidecar","image":"i","restartPolicy":"Always","resources":{"requests":{"cpu":"10m"}}}],
            """;
        var name = await CreateAsync(Burstable, init);

        var (code, answer) = await ResizeAsync(name, patch, JsonPatch);

        code.Should().Be(refusal is null ? 200 : 422, answer.ToJsonString());
        if (refusal is not null)
            answer["message"]!.GetValue<string>().Should().Be($"Pod \"{name}\" is invalid: {refusal}");
    }

    [Test]
    public async Task A_pod_whose_node_reports_no_resources_cannot_be_resized()
    {
        var name = await CreateAsync(Burstable);
        const string running = """{"name":"c","image":"i","state":{"running":{}} EXTRA}""";
        async Task<JsonObject> ReportedAsync(string extra)
        {
            var statuses = $$$"""{"status":{"containerStatuses":[{{{running.Replace("EXTRA", extra, StringComparison.Ordinal)}}}]}}""";
            await _server.SendAsync(HttpMethod.Patch, $"{Pods}/{name}/status", statuses, Merge);
            return (await ResizeAsync(name, Containers("""{"name":"c","resources":{"limits":{"cpu":"1"}}}"""))).Body;
        }

        (await ReportedAsync(""))["message"]!
            .GetValue<string>()
            .Should()
            .Be($"Pod \"{name}\" is invalid: spec: Forbidden: Pod running on node without support for resize");
        (await ReportedAsync(",\"resources\":{}"))["kind"]!.GetValue<string>().Should().Be("Pod");
    }

    [Test]
    public async Task An_ordinary_update_still_may_not_change_resources()
    {
        var name = await CreateAsync(Burstable);

        var (code, answer) = await _server.SendAsync(
            HttpMethod.Patch,
            $"{Pods}/{name}",
            Containers("""{"name":"c","resources":{"limits":{"cpu":"1"}}}"""),
            Strategic
        );
        code.Should().Be(422);
        answer["message"]!.GetValue<string>().Should().Contain("pod updates may not change fields other than `spec.containers[*].image`");

        var spelling = Containers("""{"name":"c","image":"new","resources":{"limits":{"cpu":"0.5"}}}""");
        (await _server.SendAsync(HttpMethod.Patch, $"{Pods}/{name}", spelling, Strategic)).Code.Should().Be(200);
    }

    [Test]
    public async Task A_dry_run_validates_and_stores_nothing()
    {
        var name = await CreateAsync(Burstable);

        var (code, pod) = await ResizeAsync(name, Containers("""{"name":"c","resources":{"limits":{"cpu":"1"}}}"""), query: "?dryRun=All");

        code.Should().Be(200);
        Resources(pod).Should().Contain("\"cpu\":\"1\"");
        Resources((await _server.GetAsync($"{Pods}/{name}")).Body).Should().Be(Burstable);
    }

    [Test]
    public async Task A_field_that_does_not_exist_is_reported()
    {
        var name = await CreateAsync(Burstable);

        var (code, answer) = await ResizeAsync(
            name,
            Containers("""{"name":"c","resources":{"limit":{"cpu":"1"}}}"""),
            query: "?fieldValidation=Strict"
        );

        code.Should().Be(400);
        answer["message"]!.GetValue<string>().Should().Contain("unknown field \"spec.containers[0].resources.limit\"");
    }

    [Test]
    public async Task It_is_granted_by_its_own_name()
    {
        await _server.PostAsync(
            "/api/v1/namespaces/default/serviceaccounts",
            """{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"resizer"}}"""
        );
        var client = _server.As(await _server.TokenAsync("default", "resizer"));
        var name = await CreateAsync(Burstable);
        var patch = Containers("""{"name":"c","resources":{"limits":{"cpu":"1"}}}""");
        Task<(int Code, JsonObject Body)> SendAsync() =>
            _server.SendAsync(HttpMethod.Patch, $"{Pods}/{name}/resize", patch, Strategic, client: client);

        var (code, answer) = await SendAsync();
        code.Should().Be(403);
        answer["message"]!.GetValue<string>().Should().Contain("cannot patch resource \"pods/resize\" in API group \"\"");

        await _server.PostAsync(
            "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles",
            """
            {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"resizer"},
             "rules":[{"apiGroups":[""],"resources":["pods/resize"],"verbs":["patch"]}]}
            """
        );
        await _server.PostAsync(
            "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings",
            """
            {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"resizer"},
             "roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"resizer"},
             "subjects":[{"kind":"ServiceAccount","name":"resizer","namespace":"default"}]}
            """
        );
        (await SendAsync()).Code.Should().Be(200);
    }

    [Test]
    public async Task Discovery_lists_it_as_Kubernetes_does()
    {
        var (_, list) = await _server.GetAsync("/api/v1");

        var resize = list["resources"]!.AsArray().Single(r => r!["name"]!.GetValue<string>() == "pods/resize")!;
        resize
            .ToJsonString()
            .Should()
            .Be("""{"name":"pods/resize","singularName":"","namespaced":true,"kind":"Pod","verbs":["get","patch","update"]}""");
    }

    [Test]
    public async Task A_server_without_the_feature_neither_lists_nor_serves_it()
    {
        await using var old = await RunningServer.StartAsync(podResize: false);
        await old.PostAsync(
            Pods,
            """{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i"}]}}"""
        );

        (await old.GetAsync("/api/v1")).Body.ToJsonString().Should().NotContain("pods/resize").And.Contain("pods/status");
        var (code, answer) = await old.SendAsync(HttpMethod.Patch, $"{Pods}/p/resize", Containers("""{"name":"c"}"""), Strategic);

        code.Should().Be(404);
        answer["message"]!.GetValue<string>().Should().Be("the server could not find the requested resource");
    }

    private static string Containers(string container) => $$$"""{"spec":{"containers":[{{{container}}}]}}""";

    // CPU first, whatever the order of the document.
    private static string Resources(JsonObject pod)
    {
        var resources = pod["spec"]!["containers"]![0]!["resources"]!;
        return new JsonObject { ["requests"] = List("requests"), ["limits"] = List("limits") }.ToJsonString();

        JsonObject List(string name) =>
            new() { ["cpu"] = resources[name]!["cpu"]!.DeepClone(), ["memory"] = resources[name]!["memory"]!.DeepClone() };
    }

    private async Task<string> CreateAsync(string resources, string spec = "")
    {
        var name = $"p{Interlocked.Increment(ref _pods)}";
        var (code, answer) = await _server.PostAsync(
            Pods,
            $$$"""
            {"apiVersion":"v1","kind":"Pod","metadata":{"name":"{{{name}}}"},
             "spec":{ {{{spec}}} "containers":[{"name":"c","image":"i","resources":{{{resources}}} }]}}
            """
        );
        code.Should().Be(201, answer.ToJsonString());
        return name;
    }

    private Task<(int Code, JsonObject Body)> ResizeAsync(string name, string patch, string type = Strategic, string query = "") =>
        _server.SendAsync(HttpMethod.Patch, $"{Pods}/{name}/resize{query}", patch, type);
}
