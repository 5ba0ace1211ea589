using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;

namespace Serving.Tests.LocalCluster.ApiServer;

[TestFixture]
internal sealed class ApplyTests
{
    private const string Deployments = "/apis/apps/v1/namespaces/default/deployments";
    private RunningServer _server = null!;

    [OneTimeSetUp]
    public async Task Start() => _server = await RunningServer.StartAsync();

    [OneTimeTearDown]
    public async Task Stop() => await _server.DisposeAsync();

    [Test]
    public async Task Managers_conflict_on_a_field_that_both_set()
    {
        (await ApplyAsync("conflict", "one", """ "replicas":1, """)).Code.Should().Be(201);
        var (code, status) = await ApplyAsync("conflict", "two", """ "replicas":2, """);
        code.Should().Be(409);
        status["message"]!.GetValue<string>().Should().Be("Apply failed with 1 conflict: conflict with \"one\": .spec.replicas");
        var (forced, taken) = await ApplyAsync("conflict", "two", """ "replicas":2, """, "&force=true");
        forced.Should().Be(200);
        taken["spec"]!["replicas"]!.GetValue<int>().Should().Be(2);
    }

    [Test]
    public async Task What_is_no_longer_applied_is_removed()
    {
        await ApplyAsync("removed", "one", """ "minReadySeconds":5, """);
        var (_, after) = await ApplyAsync("removed", "one", "");
        after["spec"]!["minReadySeconds"].Should().BeNull();
    }

    [Test]
    public async Task List_items_merge_by_their_keys()
    {
        await ApplyAsync("lists", "one", "");
        var (code, both) = await _server.SendAsync(
            HttpMethod.Patch,
            $"{Deployments}/lists?fieldManager=two",
            """{"apiVersion":"apps/v1","kind":"Deployment","spec":{"template":{"spec":{"containers":[{"name":"d","image":"y"}]}}}}""",
            "application/apply-patch+yaml"
        );
        code.Should().Be(200);
        both["spec"]!["template"]!["spec"]!["containers"]!.AsArray().Select(c => c!["name"]!.GetValue<string>()).Should().Equal("c", "d");
    }

    [Test]
    public async Task Applying_the_same_again_writes_nothing()
    {
        var (_, first) = await ApplyAsync("again", "one", """ "replicas":1, """);
        var (_, second) = await ApplyAsync("again", "one", """ "replicas":1, """);
        second["metadata"]!["resourceVersion"]!.GetValue<string>().Should().Be(first["metadata"]!["resourceVersion"]!.GetValue<string>());
    }

    [Test]
    public async Task A_status_in_what_is_applied_counts_for_nothing()
    {
        await ApplyAsync("status", "one", "");
        await _server.SendAsync(
            HttpMethod.Patch,
            $"{Deployments}/status/status?fieldManager=controller",
            """{"status":{"replicas":2}}""",
            "application/merge-patch+json"
        );

        var (code, applied) = await _server.SendAsync(
            HttpMethod.Patch,
            $"{Deployments}/status?fieldManager=one",
            """
            {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"a":"b"}},"status":{"replicas":0},
             "spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"x"}]}}}}
            """,
            "application/apply-patch+yaml"
        );
        code.Should().Be(200);
        applied["status"]!["replicas"]!.GetValue<int>().Should().Be(2);

        var (statusCode, written) = await _server.SendAsync(
            HttpMethod.Patch,
            $"{Deployments}/status/status?fieldManager=two&force=true",
            """{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"a":"other"}},"spec":{"replicas":9},"status":{"replicas":3}}""",
            "application/apply-patch+yaml"
        );
        statusCode.Should().Be(200);
        written["status"]!["replicas"]!.GetValue<int>().Should().Be(3);
        written["metadata"]!["labels"]!["a"]!.GetValue<string>().Should().Be("b");
    }

    private Task<(int Code, JsonObject Body)> ApplyAsync(string name, string manager, string spec, string more = "") =>
        _server.SendAsync(
            HttpMethod.Patch,
            $"{Deployments}/{name}?fieldManager={manager}{more}",
            $$"""
            {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"{{name}}"},
             "spec":{ {{spec}} "selector":{"matchLabels":{"a":"b"} },"template":{"metadata":{"labels":{"a":"b"} },"spec":{"containers":[{"name":"c","image":"x"}]} } } }
            """,
            "application/apply-patch+yaml"
        );
}
