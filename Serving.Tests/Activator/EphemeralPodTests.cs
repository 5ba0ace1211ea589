using System.Collections.Concurrent;
using System.Net;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Activator;
using Serving.Activator.Statistics;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes.Hosting;
using Serving.Observability.Requests;
using Serving.Tests.Dataplane;
using Serving.Tests.QueueProxy;
using Serving.Tests.Support;

namespace Serving.Tests.Activator;

/// <summary>Activators before the real sidecars of pods that serve a fixed number of requests.</summary>
[TestFixture]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category("Slow")]
[Parallelizable]
public sealed class EphemeralPodTests : IRequestStatSink
{
    private readonly ConcurrentDictionary<string, int> _received = new();
    private readonly HttpClient _client = new() { Timeout = TimeSpan.FromSeconds(120) };
    private readonly InMemoryCluster _cluster = new();
    private readonly List<IAsyncDisposable> _pods = [];

    public string? NotReadyReason => null;

    public void Report(string ns, string revision, in Stat stat)
    {
        // The test is the autoscaler: it adds the pods.
    }

    [TearDown]
    public async Task StopAsync()
    {
        foreach (var pod in _pods)
            await pod.DisposeAsync();
        _client.Dispose();
    }

    [Test]
    public async Task Each_pod_serves_its_number_exactly_though_activators_restart_and_no_request_fails()
    {
        PutRevision(most: 5);
        await PutPodAsync("one", most: 5);
        await using (var before = await RunningActivator.StartAsync(_cluster, this))
        {
            for (var i = 0; i < 3; i++)
                (await SendAsync(before)).Should().Be("one");
        }

        // The next activator does not know of the three.
        await using var after = await RunningActivator.StartAsync(_cluster, this);
        var requests = Enumerable.Range(0, 12).Select(_ => SendAsync(after)).ToList();
        await Eventually.HoldsAsync(() => _received.GetValueOrDefault("one").Should().Be(5));
        await Eventually.HoldsAsync(() => requests.Count(request => request.IsCompletedSuccessfully).Should().Be(2));
        await PutPodAsync("two", most: 5);
        await Eventually.HoldsAsync(() => requests.Count(request => request.IsCompletedSuccessfully).Should().Be(7));
        await PutPodAsync("three", most: 5);

        (await Task.WhenAll(requests))
            .CountBy(name => name)
            .Should()
            .BeEquivalentTo([KeyValuePair.Create("one", 2), KeyValuePair.Create("two", 5), KeyValuePair.Create("three", 5)]);
        _received
            .Should()
            .BeEquivalentTo(
                new Dictionary<string, int>
                {
                    ["one"] = 5,
                    ["two"] = 5,
                    ["three"] = 5,
                }
            );
    }

    [Test]
    public async Task Requests_that_clients_gave_up_leave_their_pods_in_use()
    {
        PutRevision(most: 1);
        await PutPodAsync("one", most: 1, go: new TaskCompletionSource().Task);
        await using var activator = await RunningActivator.StartAsync(_cluster, this);
        using var impatient = new CancellationTokenSource();
        var given = SendAsync(activator, impatient.Token);
        await Eventually.HoldsAsync(() => _received.GetValueOrDefault("one").Should().Be(1));
        var waiting = SendAsync(activator);
        await impatient.CancelAsync();
        await FluentActions.Awaiting(() => given).Should().ThrowAsync<OperationCanceledException>();
        await PutPodAsync("two", most: 1);

        (await waiting).Should().Be("two");
        _received["one"].Should().Be(1);
    }

    private async Task<string> SendAsync(RunningActivator activator, CancellationToken cancellation = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, activator.Address) { Content = new StringContent("do it") };
        request.Headers.Add("Knative-Serving-Namespace", "ns");
        request.Headers.Add("Knative-Serving-Revision", "rev");
        using var response = await _client.SendAsync(request, cancellation);
        var text = await response.Content.ReadAsStringAsync(cancellation);
        response.StatusCode.Should().Be(HttpStatusCode.OK, text);
        return text;
    }

    private async Task PutPodAsync(string name, int most, Task? go = null)
    {
        var user = await TestServer.StartAsync(async context =>
        {
            _received.AddOrUpdate(name, 1, static (_, count) => count + 1);
            await (go ?? Task.CompletedTask).WaitAsync(context.RequestAborted);
            await context.Response.WriteAsync(name);
        });
        _pods.Add(user);
        var sidecar = QueueProxyProcess.Start(user.EndPoint.Port, ("QUEUE_MAX_REQUESTS", $"{most}"), ("CONTAINER_CONCURRENCY", "2"));
        _pods.Add(sidecar);
        await sidecar.ReadyAsync(_client);
        var pod = FakePod.Object(name, sidecar.Serving.Port, ready: true);
        _cluster.Put(Resources.Pods, pod with { Status = pod.Status! with { PodIP = sidecar.Serving.Host } });
    }

    private void PutRevision(int most) =>
        _cluster.Put(
            Resources.Revisions,
            new Revision
            {
                Metadata = new()
                {
                    Namespace = "ns",
                    Name = "rev",
                    Uid = "rev-uid",
                    Annotations = new Dictionary<string, string> { [ReserveKeys.MaxRequestsPerPod] = $"{most}" },
                },
                Spec = new()
                {
                    ContainerConcurrency = 2,
                    TimeoutSeconds = 120,
                    Containers = [new() { Image = "app" }],
                },
            }
        );

    private sealed class RunningActivator : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly RequestLog _log = new(new MemoryStream());
        private readonly ActivatorModule _module;
        private readonly Task _running;

        private RunningActivator(InMemoryCluster cluster, IRequestStatSink sink)
        {
            _module = new ActivatorModule(
                new ActivatorOptions(IPAddress.Loopback)
                {
                    HttpPort = 0,
                    H2cPort = 0,
                    DrainDelay = TimeSpan.Zero,
                    Network = static () => new NetworkConfig { MeshCompatibilityMode = MeshCompatibilityMode.Disabled },
                },
                new ClusterEnvironment("knative-serving", "cluster.local", "activator-1", IPAddress.Loopback),
                cluster,
                sink,
                NullLoggerFactory.Instance,
                TimeProvider.System,
                _log
            );
            _running = _module.RunAsync(cluster, _stop.Token);
        }

        public Uri Address => new($"http://{_module.Endpoints[0]}/");

        public static async Task<RunningActivator> StartAsync(InMemoryCluster cluster, IRequestStatSink sink)
        {
            var started = new RunningActivator(cluster, sink);
            await Eventually.HoldsAsync(() => started._module.NotReadyReason.Should().BeNull());
            return started;
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _running;
            _module.Dispose();
            _log.Dispose();
            _stop.Dispose();
        }
    }
}
