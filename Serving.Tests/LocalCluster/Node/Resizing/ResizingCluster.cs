using System.Text.Json.Nodes;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.LocalCluster.Node;
using Serving.Tests.LocalCluster.ApiServer;
using Serving.Tests.Support;

namespace Serving.Tests.LocalCluster.Node.Resizing;

/// <summary>An API server and a node with two cores and 1 GiB, whatever the machine has.</summary>
internal sealed class ResizingCluster : IAsyncDisposable
{
    public const string Pods = "/api/v1/namespaces/default/pods";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private readonly CancellationTokenSource _stop = new();
    private readonly LoopbackSubnet _subnet = LoopbackSubnet.Claim();
    private readonly ClusterClient _client;
    private readonly Task _running;

    private ResizingCluster(RunningServer server)
    {
        Server = server;
        _client = new ClusterClient(ClusterAccess.FromKubeconfig(server.Server.KubeconfigPath));
        var informers = new SharedInformers(_client, NullLoggerFactory.Instance);
        var events = new EventRecorder("kubelet", NullLogger.Instance);
        var options = new LocalNodeOptions(server.Directory, new ImageMap(["sh=/bin/sh"]), _subnet, server.Server.Address)
        {
            Cpu = 2,
            Memory = 1 << 30,
        };
        var node = new LocalNode(options, events, NullLoggerFactory.Instance, TimeProvider.System);
        _running = Task.WhenAll(
            informers.RunAsync(_stop.Token),
            events.RunAsync(_client, _stop.Token),
            node.RunAsync(_client, informers, _stop.Token)
        );
    }

    public RunningServer Server { get; }

    public static async Task<ResizingCluster> StartAsync() => new(await RunningServer.StartAsync());

    /// <summary>Creates a pod with one container <c>main</c> and waits until it runs.</summary>
    public async Task RunAsync(string name, string resources, string container = "", string spec = "", string script = "sleep 1000")
    {
        var (code, answer) = await Server.PostAsync(
            Pods,
            $$$"""
            {"apiVersion":"v1","kind":"Pod","metadata":{"name":"{{{name}}}"},"spec":{ {{{spec}}} "terminationGracePeriodSeconds":1,
             "containers":[{"name":"main","image":"sh", {{{container}}} "args":["-c","{{{script}}}"],"resources":{{{resources}}} }]}}
            """
        );
        code.Should().Be(201, answer.ToJsonString());
        await HoldsAsync(name, pod => (ContainerOf(pod)?["ready"]?.GetValue<bool>() ?? false).Should().BeTrue());
    }

    /// <summary>Resizes the container <c>main</c>.</summary>
    public async Task<JsonObject> ResizeAsync(string name, string resources, string list = "containers", string container = "main")
    {
        var (code, answer) = await Server.SendAsync(
            HttpMethod.Patch,
            $"{Pods}/{name}/resize",
            $$$"""{"spec":{"{{{list}}}":[{"name":"{{{container}}}","resources":{{{resources}}} }]}}""",
            "application/strategic-merge-patch+json"
        );
        code.Should().Be(200, answer.ToJsonString());
        return answer;
    }

    /// <summary>Waits until the pod is as asserted.</summary>
    public Task HoldsAsync(string name, Action<JsonObject> assertion) =>
        Eventually.HoldsAsync(async () => assertion((await Server.GetAsync($"{Pods}/{name}")).Body), Limit);

    /// <summary>Waits for events of a pod.</summary>
    public Task HappenedAsync(string name, params string[] events) =>
        Eventually.HoldsAsync(
            async () =>
            {
                var (_, list) = await Server.GetAsync($"/api/v1/namespaces/default/events?fieldSelector=involvedObject.name={name}");
                list["items"]!.AsArray().Select(e => $"{e!["type"]} {e["reason"]} {e["message"]}").Should().Contain(events);
            },
            Limit
        );

    /// <summary>The status of the container <c>main</c>.</summary>
    public static JsonNode? ContainerOf(JsonObject pod) => pod["status"]?["containerStatuses"]?[0];

    /// <summary>A condition without its times, or null.</summary>
    public static string? Condition(JsonObject pod, string type)
    {
        var condition = (pod["status"]?["conditions"]?.AsArray() ?? []).FirstOrDefault(c => c!["type"]!.ToString() == type);
        return condition is null
            ? null
            : $"{condition["status"]} {condition["reason"]} {condition["message"]} {condition["observedGeneration"]}";
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running.WaitAsync(Limit).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _client.Dispose();
        _subnet.Dispose();
        _stop.Dispose();
        await Server.DisposeAsync();
    }
}
