using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Events;
using Serving.LocalCluster.Node;
using Serving.Tests.Support;

namespace Serving.Tests.LocalCluster.Node;

/// <summary>A node over an in-memory cluster. Its pods are real processes.</summary>
internal sealed class NodeFixture : IEventRecorder, IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;

    public NodeFixture(InMemoryCluster? cluster = null, TimeSpan? shutdownGrace = null, int maxPods = 110, params string[] images)
    {
        Cluster = cluster ?? new InMemoryCluster();
        var options = new LocalNodeOptions(
            Data,
            new ImageMap(["sh=/bin/sh", "sleep=/bin/sleep", .. images]),
            Subnet,
            new Uri("https://127.0.0.1:6443")
        )
        {
            MaxPods = maxPods,
            ShutdownGrace = shutdownGrace ?? TimeSpan.FromSeconds(5),
            Tokens = (request, _) => Task.FromResult($"token of {request.ServiceAccount} for {request.Audience}"),
        };
        _running = new LocalNode(options, this, NullLoggerFactory.Instance, TimeProvider.System).RunAsync(Cluster, Cluster, _stop.Token);
    }

    public InMemoryCluster Cluster { get; }

    public LoopbackSubnet Subnet { get; } = LoopbackSubnet.Claim();

    public string Data { get; } = Directory.CreateTempSubdirectory("node-test-").FullName;

    public ConcurrentQueue<string> Events { get; } = [];

    public Pod Pod(string name = "p") =>
        Cluster.Find(Resources.Pods, "default", name) ?? throw new InvalidOperationException($"no pod {name}");

    public ContainerStatus Container(string pod = "p", int index = 0) => Pod(pod).Status!.ContainerStatuses[index];

    /// <summary>Creates a pod with one container that runs a shell script, from the JSON of the rest of the container and of the
    /// pod.</summary>
    public Pod Start(string script, string container = "", string spec = "", string name = "p", string metadata = "", string image = "sh")
    {
        var json = $$"""
            {"metadata":{"name":"{{name}}","namespace":"default"{{metadata}}},
             "spec":{ {{spec}} "containers":[{"name":"main","image":"{{image}}", {{container}} "args":["-c",{{JsonSerializer.Serialize(
                script
            )}}]}] } }
            """;
        return Create(json);
    }

    public Pod Create(string json) => Cluster.Put(Resources.Pods, JsonSerializer.Deserialize(json, ApiJson.Default.Pod)!);

    public string Log(string pod = "p", string container = "main", int restart = 0)
    {
        var metadata = Pod(pod).Metadata;
        return File.ReadAllText(Path.Combine(Data, "pods", $"default_{pod}_{metadata.Uid}", container, $"{restart}.log"));
    }

    public string Condition(string type, string pod = "p") => Pod(pod).Status?.Conditions.FirstOrDefault(c => c.Type == type)?.Status ?? "";

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
    }

    public void Normal(IKubernetesObject about, string reason, string message) => Events.Enqueue($"{reason}: {message}");

    public void Warning(IKubernetesObject about, string reason, string message) => Events.Enqueue($"{reason}: {message}");

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Subnet.Dispose();
        _stop.Dispose();
        Directory.Delete(Data, recursive: true);
    }
}
