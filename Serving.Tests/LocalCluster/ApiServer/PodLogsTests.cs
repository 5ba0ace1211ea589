using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;

namespace Serving.Tests.LocalCluster.ApiServer;

/// <summary>Pod logs over the API, from files in the node's format.</summary>
[TestFixture]
internal sealed class PodLogsTests
{
    private const string Pods = "/api/v1/namespaces/default/pods";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private RunningServer _server = null!;

    [OneTimeSetUp]
    public async Task Start() => _server = await RunningServer.StartAsync();

    [OneTimeTearDown]
    public async Task Stop() => await _server.DisposeAsync();

    [Test]
    public async Task Following_goes_on_when_the_log_is_put_aside_and_begun_anew()
    {
        var path = await PodAsync("rotated", """{"running":{}}""");
        await File.WriteAllTextAsync(path, "T one\n");
        using var log = await _server.WatchAsync($"{Pods}/rotated/log?follow=true");
        (await NextAsync(log)).Should().Be("one");

        await File.AppendAllTextAsync(path, "T two\n");
        File.Move(path, path + ".1");
        await File.WriteAllTextAsync(path, "T three\n");

        (await NextAsync(log)).Should().Be("two");
        (await NextAsync(log)).Should().Be("three");
        await StatusAsync("rotated", """{"terminated":{"exitCode":0}}""");
        (await NextAsync(log)).Should().BeNull();
    }

    [Test]
    public async Task Following_ends_for_a_container_that_waits_to_be_started_anew()
    {
        await File.WriteAllTextAsync(
            await PodAsync("crashing", """{"waiting":{"reason":"CrashLoopBackOff"}}""", """{"terminated":{"exitCode":1}}"""),
            "T last\n"
        );

        using var log = await _server.WatchAsync($"{Pods}/crashing/log?follow=true");

        (await log.ReadToEndAsync().WaitAsync(Limit)).Should().Be("last\n");
    }

    [TestCase(0, "")]
    [TestCase(1, "two\n")]
    [TestCase(5, "one\ntwo\n")]
    public async Task The_tail_has_as_many_lines_as_were_asked_for(int lines, string expected)
    {
        await File.WriteAllTextAsync(await PodAsync($"tail{lines}", """{"running":{}}"""), "T one\nT two\n");

        using var log = await _server.WatchAsync($"{Pods}/tail{lines}/log?tailLines={lines}");

        (await log.ReadToEndAsync().WaitAsync(Limit)).Should().Be(expected);
    }

    [Test]
    public async Task A_pod_that_stands_for_a_process_of_the_cluster_has_its_log()
    {
        await File.WriteAllTextAsync(Path.Combine(_server.Directory, "serving.log"), "12:00 all is well\n");
        await File.WriteAllTextAsync(Path.Combine(_server.Directory, "serving.secret"), "no log");
        await HostAsync("host", "serving.log");
        await HostAsync("spy", "serving.secret");

        using var log = await _server.WatchAsync($"{Pods}/host/log");
        (await log.ReadToEndAsync().WaitAsync(Limit)).Should().Be("12:00 all is well\n");
        (await _server.GetAsync($"{Pods}/spy/log")).Code.Should().Be(400);

        Task HostAsync(string name, string file) =>
            _server.PostAsync(
                Pods,
                $$$"""
                {"apiVersion":"v1","kind":"Pod","metadata":{"name":"{{{name}}}","annotations":{"serving.local/log":"{{{file}}}"}},
                 "spec":{"nodeName":"host","containers":[{"name":"serving","image":"x"}]}}
                """
            );
    }

    [TestCase("exec")]
    [TestCase("attach")]
    [TestCase("portforward")]
    public async Task What_needs_a_container_is_refused_with_where_the_pod_is(string subresource)
    {
        await PodAsync(subresource, """{"running":{}}""");
        await _server.SendAsync(
            HttpMethod.Patch,
            $"{Pods}/{subresource}/status",
            """{"status":{"podIP":"127.77.0.10"}}""",
            "application/merge-patch+json"
        );

        var (code, status) = await _server.PostAsync($"{Pods}/{subresource}/{subresource}", "");

        code.Should().Be(501);
        status["message"]!
            .GetValue<string>()
            .Should()
            .StartWith("the local cluster runs pods as processes of this machine; ")
            .And.Contain("is not offered: the pod listens on 127.77.0.10:8080, its logs and files are in ")
            .And.Contain($"default_{subresource}_");
    }

    private static async Task<string?> NextAsync(StreamReader log) => await log.ReadLineAsync().WaitAsync(Limit);

    // Creates a pod and the directory of its log; returns the path of the log.
    private async Task<string> PodAsync(string name, string state, string? lastState = null)
    {
        var (_, pod) = await _server.PostAsync(
            Pods,
            $$$"""{"apiVersion":"v1","kind":"Pod","metadata":{"name":"{{{name}}}"},"spec":{"containers":[{"name":"main","image":"x","ports":[{"containerPort":8080}]}]}}"""
        );
        await StatusAsync(name, state, lastState);
        var directory = Path.Combine(_server.Directory, "pods", $"default_{name}_{pod["metadata"]!["uid"]!.GetValue<string>()}", "main");
        Directory.CreateDirectory(directory);
        return Path.Combine(directory, "0.log");
    }

    private async Task StatusAsync(string name, string state, string? lastState = null)
    {
        var status = new JsonObject
        {
            ["name"] = "main",
            ["image"] = "x",
            ["imageID"] = "",
            ["ready"] = false,
            ["restartCount"] = 0,
            ["state"] = JsonNode.Parse(state),
        };
        if (lastState is not null)
            status["lastState"] = JsonNode.Parse(lastState);
        var (code, _) = await _server.SendAsync(
            HttpMethod.Patch,
            $"{Pods}/{name}/status",
            new JsonObject { ["status"] = new JsonObject { ["containerStatuses"] = new JsonArray(status) } }.ToJsonString(),
            "application/merge-patch+json"
        );
        code.Should().Be(200);
    }
}
