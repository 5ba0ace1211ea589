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
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Dataplane;
using Serving.Dataplane.Statistics;
using Serving.Dataplane.Upstreams;
using Serving.Kubernetes.Hosting;
using Serving.Observability.Metrics;
using Serving.Observability.Requests;
using Serving.Tests.Dataplane;
using Serving.Tests.Observability;
using Serving.Tests.Support;

namespace Serving.Tests.Activator;

[TestFixture]
[Category("Slow")]
[Parallelizable]
public sealed class ActivatorModuleTests : IRequestStatSink
{
    private readonly ConcurrentQueue<(string Namespace, string Revision, Stat Stat)> _reports = new();
    private readonly HttpClient _client = new() { Timeout = TimeSpan.FromSeconds(20) };
    private InMemoryCluster _cluster = null!;
    private NetworkConfig _network = new();
    private RequestLog _requestLog = null!;
    private MemoryStream _logged = null!;
    private ActivatorModule _activator = null!;
    private CancellationTokenSource _stop = null!;
    private Task _running = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _reports.Clear();
        NotReadyReason = null;
        _network = new NetworkConfig();
        _cluster = new InMemoryCluster();
        _stop = new CancellationTokenSource();
        var options = new ActivatorOptions(IPAddress.Loopback)
        {
            HttpPort = 0,
            H2cPort = 0,
            QueueDepth = 5,
            DrainDelay = TimeSpan.Zero,
            Network = () => _network,
        };
        _activator = new ActivatorModule(
            options,
            new ClusterEnvironment("knative-serving", "cluster.local", "activator-1", IPAddress.Loopback),
            _cluster,
            this,
            NullLoggerFactory.Instance,
            TimeProvider.System,
            _requestLog = new RequestLog(_logged = new MemoryStream())
        );
        _running = _activator.RunAsync(_cluster, _stop.Token);
        await Eventually.HoldsAsync(() => _activator.NotReadyReason.Should().BeNull());
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _activator.Dispose();
        _requestLog.Dispose();
        _stop.Dispose();
    }

    [OneTimeTearDown]
    public void DisposeClient() => _client.Dispose();

    public string? NotReadyReason { get; private set; }

    public void Report(string ns, string revision, in Stat stat) => _reports.Enqueue((ns, revision, stat));

    [Test]
    public async Task Answers_404_for_a_revision_that_is_not_there()
    {
        using var response = await SendAsync();

        response.StatusCode.Should().Be(HttpStatusCode.NotFound);
        (await response.Content.ReadAsStringAsync())
            .Should()
            .Be("Error getting active endpoint: revision.serving.knative.dev \"rev\" not found\n");
    }

    [Test]
    public async Task Holds_a_request_reports_it_at_once_and_passes_it_when_the_pod_answers_though_Kubernetes_has_not_heard_of_it()
    {
        PutRevision();
        await using var pod = await FakePod.StartAsync(context =>
            context.Response.WriteAsync(
                $"{context.Request.Headers["K-Original-Host"]} {context.Request.Headers["K-Proxy-Request"]} {context.Request.Headers.ContainsKey("Knative-Serving-Revision")}"
            )
        );
        pod.Ready = false;

        var answer = SendAsync();
        await Eventually.HoldsAsync(() => _reports.Should().NotBeEmpty());
        _reports.TryPeek(out var first).Should().BeTrue();
        first
            .Should()
            .Be(
                (
                    "ns",
                    "rev",
                    new Stat
                    {
                        PodName = "activator-1",
                        AverageConcurrentRequests = 1,
                        RequestCount = 1,
                    }
                )
            );

        _cluster.Put(Resources.Pods, pod.Object("pod-1"));
        answer.IsCompleted.Should().BeFalse();
        pod.Ready = true;

        using var response = await answer;
        (await response.Content.ReadAsStringAsync()).Should().Be("hello.example activator False");
    }

    [Test]
    public async Task Uses_a_pod_that_is_ready_without_asking_where_no_mesh_can_be_in_the_way()
    {
        _network = new NetworkConfig { MeshCompatibilityMode = MeshCompatibilityMode.Disabled };
        PutRevision();
        await using var pod = await FakePod.StartAsync();
        pod.Ready = false;
        _cluster.Put(Resources.Pods, pod.Object("pod-1", ready: true));

        using var response = await SendAsync();

        response.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Test]
    public async Task Never_sends_a_pod_more_than_it_takes()
    {
        PutRevision(concurrency: 1);
        var (running, most) = (0, 0);
        await using var pod = await FakePod.StartAsync(async context =>
        {
            var now = Interlocked.Increment(ref running);
            most = Math.Max(most, now);
            await Task.Delay(10);
            Interlocked.Decrement(ref running);
            await context.Response.WriteAsync("ok");
        });
        _cluster.Put(Resources.Pods, pod.Object("pod-1", ready: true));

        // Six concurrent requests exceed the queue by one, so the pod must be in use first.
        (await SendAsync())
            .StatusCode.Should()
            .Be(HttpStatusCode.OK);
        var responses = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => SendAsync()));

        responses.Should().OnlyContain(response => response.StatusCode == HttpStatusCode.OK);
        most.Should().Be(1);
    }

    [Test]
    public async Task A_node_that_answers_no_connection_keeps_no_request()
    {
        _network = new NetworkConfig { MeshCompatibilityMode = MeshCompatibilityMode.Disabled };
        PutRevision();
        using var hole = await BlackHole.OpenAsync();
        await using var good = await FakePod.StartAsync();
        _cluster.Put(Resources.Pods, FakePod.Object("hole", hole.EndPoint.Port, ready: true));
        _cluster.Put(Resources.Pods, good.Object("good", ready: true));

        for (var i = 0; i < 4; i++)
        {
            using var response = await SendAsync();
            response.StatusCode.Should().Be(HttpStatusCode.OK);
        }
    }

    [Test]
    public async Task A_request_that_one_pod_lost_meets_no_closed_connection_to_the_next([Values(1, 2)] int version)
    {
        PutRevision();
        var connections = new UsedConnections(onlyResent: true);
        await using var good = await FakePod.StartAsync(connections.HandleAsync);
        await using var losing = await FakePod.StartAsync(static context =>
        {
            context.Response.StatusCode = 502;
            context.Response.Headers[DataplaneHeaders.Unserved] = Unserved.Lost;
            return Task.CompletedTask;
        });
        _cluster.Put(Resources.Pods, good.Object("good", ready: true));
        _cluster.Put(Resources.Pods, losing.Object("losing", ready: true));

        for (var i = 0; i < 30; i++)
        {
            using var response = await SendAsync(version);
            ((int)response.StatusCode, await response.Content.ReadAsStringAsync()).Should().Be((200, "ok"));
        }

        losing.Requests.Should().BePositive();
        connections.Resent.Should().BePositive();
    }

    [Test]
    public async Task Answers_503_when_too_many_wait()
    {
        PutRevision();
        var requests = Enumerable.Range(0, 6).Select(_ => SendAsync()).ToArray();
        await Eventually.HoldsAsync(() => requests.Count(static request => request.IsCompleted).Should().Be(1));
        using var refused = await requests.Single(static request => request.IsCompleted);
        refused.StatusCode.Should().Be(HttpStatusCode.ServiceUnavailable);
        refused.Headers.RetryAfter!.ToString().Should().Be("1");
        (await refused.Content.ReadAsStringAsync()).Should().Be("pending request queue full\n");

        await using var pod = await FakePod.StartAsync();
        _cluster.Put(Resources.Pods, pod.Object("pod-1", ready: true));
        (await Task.WhenAll(requests)).Count(static response => response.StatusCode == HttpStatusCode.OK).Should().Be(5);
    }

    [Test]
    public async Task Tries_another_pod_when_one_refuses_the_connection()
    {
        _network = new NetworkConfig { MeshCompatibilityMode = MeshCompatibilityMode.Disabled };
        PutRevision(concurrency: 10);
        await using var alive = await FakePod.StartAsync();
        var gone = await FakePod.StartAsync();
        var port = gone.Port;
        await gone.DisposeAsync();
        _cluster.Put(Resources.Pods, FakePod.Object("gone", port, ready: true));
        _cluster.Put(Resources.Pods, alive.Object("alive", ready: true));

        for (var i = 0; i < 4; i++)
        {
            using var response = await SendAsync();
            response.StatusCode.Should().Be(HttpStatusCode.OK);
        }

        alive.Requests.Should().Be(4);
    }

    [Test]
    public async Task Answers_504_when_no_pod_comes_in_time()
    {
        PutRevision(timeoutSeconds: 1);

        using var response = await SendAsync();

        response.StatusCode.Should().Be(HttpStatusCode.GatewayTimeout);
        (await response.Content.ReadAsStringAsync()).Should().Be("activator request timeout");
    }

    [Test]
    public async Task Lets_nobody_wait_for_a_revision_that_is_deleted()
    {
        PutRevision();
        var waiting = SendAsync();
        await Eventually.HoldsAsync(() => _reports.Should().NotBeEmpty());

        await _cluster.DeleteAsync(Resources.Revisions, "ns", "rev", default);

        (await waiting).StatusCode.Should().Be(HttpStatusCode.NotFound);
    }

    [TestCase(true, "10.1.2.3")]
    [TestCase(false, "10.1.2.3, 127.0.0.1")]
    public async Task Names_the_peer_of_a_connection_of_its_own_and_leaves_what_a_gateway_of_the_process_told(
        bool handedOver,
        string forwarded
    )
    {
        PutRevision();
        await using var pod = await FakePod.StartAsync(static context =>
            context.Response.WriteAsync(context.Request.Headers["X-Forwarded-For"].ToString())
        );
        _cluster.Put(Resources.Pods, pod.Object("pod-1", ready: true));
        await using var gateway = await Serving.Tests.Dataplane.TestServer.StartAsync(context =>
            _activator.HandleAsync(context, "ns", "rev").AsTask()
        );
        using var request = new HttpRequestMessage(HttpMethod.Get, handedOver ? new Uri($"http://{gateway.Address}/") : Uri());
        request.Headers.Add("X-Forwarded-For", "10.1.2.3");
        request.Headers.Add("Knative-Serving-Namespace", "ns");
        request.Headers.Add("Knative-Serving-Revision", "rev");

        using var response = await _client.SendAsync(request);

        (await response.Content.ReadAsStringAsync()).Should().Be(forwarded);
    }

    [Test]
    public async Task Takes_a_head_as_large_as_a_gateway_passes_on_and_refuses_a_larger_one()
    {
        foreach (
            var (size, status) in new[] { (256 * 1024, HttpStatusCode.NotFound), (400 * 1024, HttpStatusCode.RequestHeaderFieldsTooLarge) }
        )
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, Uri());
            request.Headers.Add("Large", new string('a', size));
            using var response = await _client.SendAsync(request);
            response.StatusCode.Should().Be(status);
        }
    }

    [TestCase("activator", 200, "activator")]
    [TestCase("queue", 400, "unexpected probe header value: \"queue\"\n")]
    public async Task Answers_probes_itself(string probe, int status, string body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Uri());
        request.Headers.Add("K-Network-Probe", probe);

        using var response = await _client.SendAsync(request);

        ((int)response.StatusCode).Should().Be(status);
        (await response.Content.ReadAsStringAsync()).Should().Be(body);
    }

    [Test]
    public async Task Reports_every_second_without_counting_the_first_request_twice()
    {
        PutRevision();
        await using var pod = await FakePod.StartAsync();
        _cluster.Put(Resources.Pods, pod.Object("pod-1", ready: true));

        using var response = await SendAsync();
        await Eventually.HoldsAsync(() => _reports.Count.Should().BeGreaterThan(1));

        _reports.Sum(report => report.Stat.RequestCount).Should().Be(1);
    }

    [Test]
    public async Task Is_not_ready_while_measurements_of_this_process_do_not_arrive()
    {
        NotReadyReason = "the autoscaler is away";
        _activator.NotReadyReason.Should().Be("the autoscaler is away");
        using (var answer = await ProbeAsKubeletAsync())
        {
            answer.StatusCode.Should().Be(HttpStatusCode.InternalServerError);
        }

        NotReadyReason = null;
        using var ready = await ProbeAsKubeletAsync();
        ready.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Test]
    public async Task Tells_what_each_revisions_requests_do_until_the_revision_is_gone()
    {
        PutRevision();
        using var metrics = new CollectedMetrics("Serving.Activator");
        const string Of = "k8s.namespace.name=ns,kn.revision.name=rev";
        metrics.Collect().Should().BeEmpty("the revision had no request");
        var running = new TaskCompletionSource();
        await using var pod = await FakePod.StartAsync(async context =>
        {
            await running.Task;
            await context.Response.WriteAsync("ok");
        });

        var answer = SendAsync();
        await Eventually.HoldsAsync(() => metrics.Collect().Should().Contain($"kn.revision.request.queued{{{Of}}}", 1));
        _cluster.Put(Resources.Pods, pod.Object("pod-1", ready: true));
        await Eventually.HoldsAsync(() =>
            metrics
                .Collect()
                .Should()
                .Contain($"kn.revision.request.queued{{{Of}}}", 0)
                .And.Contain($"kn.revision.request.active{{{Of}}}", 1)
        );
        await Eventually.HoldsAsync(() =>
            metrics
                .Collect()
                .GetValueOrDefault($"kn.revision.request.concurrency{{{Of},kn.service.name=svc,kn.configuration.name=conf}}")
                .Should()
                .BePositive()
        );
        running.SetResult();
        (await answer).Dispose();
        await Eventually.HoldsAsync(() => metrics.Collect().Should().Contain($"kn.revision.request.active{{{Of}}}", 0));

        await _cluster.DeleteAsync(Resources.Revisions, "ns", "rev", default);
        metrics.Collect().Keys.Should().NotContain(series => series.StartsWith("kn.revision.", StringComparison.Ordinal));
    }

    [Test]
    public async Task Measures_requests_waits_refusals_and_capacity_until_the_revision_is_gone()
    {
        PutRevision(concurrency: 2);
        using var exporter = new PrometheusExporter("Serving.Activator");
        var revision = new[]
        {
            ("k8s_namespace_name", "ns"),
            ("kn_revision_name", "rev"),
            ("kn_service_name", "svc"),
            ("kn_configuration_name", "conf"),
        };
        await using var pod = await FakePod.StartAsync(context =>
        {
            context.Response.StatusCode = StatusCodes.Status201Created;
            return context.Response.WriteAsync("ok");
        });

        // No pod yet: five wait, and the sixth finds the queue full.
        var answers = Enumerable.Range(0, 5).Select(_ => SendAsync()).ToList();
        await Eventually.HoldsAsync(() => Scrape().Sum("kn_revision_request_queued", ("kn_revision_name", "rev")).Should().Be(5));
        Scrape().Sum("kn_activator_capacity", revision).Should().Be(0);
        Scrape().Sum("kn_activator_pods", revision).Should().Be(0);
        foreach (var reason in new[] { "queue_full", "no_pod" })
        {
            Scrape()
                .Samples.Should()
                .Contain(sample =>
                    sample.Key.StartsWith("kn_activator_request_rejected_total{", StringComparison.Ordinal)
                    && sample.Key.Contains($"reason=\"{reason}\"", StringComparison.Ordinal)
                    && sample.Value == 0
                );
        }

        Scrape()
            .Samples.Keys.Should()
            .Contain(static key => key.StartsWith("kn_activator_request_retries_total{", StringComparison.Ordinal));
        using (var refused = await SendAsync())
            refused.StatusCode.Should().Be(HttpStatusCode.ServiceUnavailable);
        _cluster.Put(Resources.Pods, pod.Object("pod-1", ready: true));
        foreach (var answer in await Task.WhenAll(answers))
            answer.Dispose();

        await Eventually.HoldsAsync(() =>
        {
            var read = Scrape();
            read.Sum("http_server_request_duration_seconds_count", [.. revision, ("http_response_status_code", "201")]).Should().Be(5);
            read.Sum("http_server_request_duration_seconds_count", [.. revision, ("http_response_status_code", "503")]).Should().Be(1);
            read.Sum("http_server_request_duration_seconds_count", [.. revision, ("network_protocol_name", "http"), ("url_scheme", "http")])
                .Should()
                .Be(6);
            read.Sum("kn_activator_request_wait_duration_seconds_count", revision).Should().Be(6);
            read.Sum("kn_activator_request_wait_duration_seconds_sum", revision).Should().BePositive();
            read.Samples.Keys.Should()
                .Contain(static key =>
                    key.StartsWith("kn_activator_request_wait_duration_seconds_bucket", StringComparison.Ordinal)
                    && key.Contains("le=\"0.0005\"", StringComparison.Ordinal)
                );
            read.Sum("kn_activator_request_rejected_total", [.. revision, ("reason", "queue_full")]).Should().Be(1);
            read.Sum("kn_activator_capacity", revision).Should().Be(2);
            read.Sum("kn_activator_pods", revision).Should().Be(1);
        });

        await _cluster.DeleteAsync(Resources.Revisions, "ns", "rev", default);
        Scrape();
        Scrape().Samples.Keys.Should().NotContain(static key => key.Contains("kn_revision_name", StringComparison.Ordinal));

        MetricsText Scrape() => MetricsText.Read(exporter.Render(TextFormat.OpenMetrics), openMetrics: true);
    }

    [Test]
    public async Task Logs_requests_while_it_is_told_to()
    {
        PutRevision();
        await using var pod = await FakePod.StartAsync(context => context.Response.WriteAsync("hello"));
        _cluster.Put(Resources.Pods, pod.Object("pod-1", ready: true));
        (await SendAsync()).Dispose();
        _requestLog.SetTemplate(
            "{{.Request.Method}} {{.Request.Host}} {{.Response.Code}} {{.Response.Size}} {{.Revision.Name}} {{.Revision.Service}} {{.Revision.Configuration}}."
        );
        (await SendAsync()).Dispose();
        await Eventually.HoldsAsync(() =>
            System.Text.Encoding.UTF8.GetString(_logged.ToArray()).Should().Be("GET hello.example 200 5 rev svc conf.\n")
        );
        _requestLog.SetTemplate("");
        (await SendAsync()).Dispose();
        _logged.Length.Should().Be(38);
    }

    [Test]
    public async Task A_client_that_leaves_while_it_waits_is_499_in_metrics_and_log()
    {
        PutRevision();
        _requestLog.SetTemplate("{{.Response.Code}}");
        using var exporter = new PrometheusExporter("Serving.Activator");
        using var leaves = new CancellationTokenSource();
        var answer = SendAsync(cancellation: leaves.Token);
        await Eventually.HoldsAsync(() => Scrape().Sum("kn_revision_request_queued", ("kn_revision_name", "rev")).Should().Be(1));

        await leaves.CancelAsync();
        await FluentActions.Awaiting(() => answer).Should().ThrowAsync<OperationCanceledException>();

        await Eventually.HoldsAsync(() =>
        {
            Scrape().Sum("http_server_request_duration_seconds_count", ("http_response_status_code", "499")).Should().Be(1);
            System.Text.Encoding.UTF8.GetString(_logged.ToArray()).Should().Be("499\n");
        });

        MetricsText Scrape() => MetricsText.Read(exporter.Render(TextFormat.OpenMetrics), openMetrics: true);
    }

    [Test]
    public async Task Goes_through_the_Service_or_the_mesh_as_config_network_says_while_it_changes()
    {
        PutRevision();
        await using var pod = await FakePod.StartAsync(context =>
            context.Response.WriteAsync($"{context.Request.Host} {context.Request.Headers["K-Passthrough-Lb"]}")
        );
        await using var service = await FakePod.StartAsync(context => context.Response.WriteAsync("the service"));
        _cluster.Put(
            Resources.Services,
            new CoreService
            {
                Metadata = new()
                {
                    Namespace = "ns",
                    Name = "rev-private",
                    Labels = new Dictionary<string, string> { ["networking.internal.knative.dev/serviceType"] = "Private" },
                },
                Spec = new() { ClusterIP = "127.0.0.1", Ports = [new() { Name = "http", Port = service.Port }] },
            }
        );
        _cluster.Put(Resources.Pods, pod.Object("pod-1", ready: true));
        (await TextAsync()).Should().Be($"127.0.0.1:{pod.Port} ");

        _network = new NetworkConfig { MeshCompatibilityMode = MeshCompatibilityMode.Enabled };
        await Eventually.HoldsAsync(async () => (await TextAsync()).Should().Be("the service"));
        _network = new NetworkConfig { EnableMeshPodAddressability = true };
        await Eventually.HoldsAsync(async () => (await TextAsync()).Should().Be("rev-private.ns true"));
        _network = new NetworkConfig { MeshCompatibilityMode = MeshCompatibilityMode.Disabled };
        await Eventually.HoldsAsync(async () => (await TextAsync()).Should().Be($"127.0.0.1:{pod.Port} "));

        async Task<string> TextAsync()
        {
            using var response = await SendAsync();
            return await response.Content.ReadAsStringAsync();
        }
    }

    private async Task<HttpResponseMessage> ProbeAsKubeletAsync()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Uri());
        request.Headers.Add("User-Agent", "kube-probe/1.32");
        return await _client.SendAsync(request);
    }

    private void PutRevision(int concurrency = 0, int timeoutSeconds = 30) =>
        _cluster.Put(
            Resources.Revisions,
            new Revision
            {
                Metadata = new()
                {
                    Namespace = "ns",
                    Name = "rev",
                    Uid = "rev-uid",
                    Labels = new Dictionary<string, string>
                    {
                        ["serving.knative.dev/service"] = "svc",
                        ["serving.knative.dev/configuration"] = "conf",
                    },
                },
                Spec = new()
                {
                    ContainerConcurrency = concurrency,
                    TimeoutSeconds = timeoutSeconds,
                    Containers = [new() { Name = "user-container" }],
                },
            }
        );

    private Uri Uri(int version = 1) => new($"http://{_activator.Endpoints[version - 1]}/");

    private async Task<HttpResponseMessage> SendAsync(int version = 1, CancellationToken cancellation = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Uri(version))
        {
            Version = new Version(version, version == 1 ? 1 : 0),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Headers.Host = "hello.example";
        request.Headers.Add("Knative-Serving-Namespace", "ns");
        request.Headers.Add("Knative-Serving-Revision", "rev");
        return await _client.SendAsync(request, cancellation);
    }
}
