using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Autoscaler;
using Serving.Autoscaler.Collection;
using Serving.Dataplane.Statistics;
using Serving.Tests.Dataplane;
using Serving.Tests.Support;

namespace Serving.Tests.Autoscaler;

public sealed class PodScraperTests
{
    private static readonly Metric Metric = new()
    {
        Metadata = new ObjectMeta { Namespace = "ns", Name = "rev" },
        Spec = new MetricSpec
        {
            StableWindow = 60_000_000_000,
            PanicWindow = 6_000_000_000,
            ScrapeTarget = "rev-private",
        },
    };

    private readonly List<string> _asked = [];
    private InMemoryCluster _cluster = null!;
    private TestServer _pod = null!;
    private TestServer _service = null!;
    private PodScraper _scraper = null!;
    private NetworkConfig _network = new();
    private string? _inFlight;
    private int _podStatus;
    private int _servicePods;

    [SetUp]
    public async Task SetUp()
    {
        _asked.Clear();
        (_podStatus, _servicePods, _inFlight) = (200, 0, null);
        _network = new NetworkConfig();
        _pod = await TestServer.StartAsync(context =>
            AnswerAsync(context, $"pod {context.Request.Host.Host} {context.Request.Headers["K-Passthrough-Lb"]}".TrimEnd(), _podStatus, 0)
        );
        _service = await TestServer.StartAsync(context => AnswerAsync(context, "service", 200, Interlocked.Increment(ref _servicePods)));
        _cluster = new InMemoryCluster();
        var pods = _cluster.For(Resources.Pods, labelSelector: RevisionPods.Selector).Lister;
        _scraper = new PodScraper(
            pods,
            () => _network,
            TimeProvider.System,
            _pod.EndPoint.Port,
            _ => new Uri($"http://{_service.Address}/metrics")
        );
    }

    [TearDown]
    public async Task TearDown()
    {
        _scraper.Dispose();
        await _pod.DisposeAsync();
        await _service.DisposeAsync();
    }

    [Test]
    public async Task Asks_the_Service_once_every_pod_fails_as_behind_a_mesh_and_remembers_it()
    {
        PutPods(1);
        var memory = new ScrapeMemory();
        _podStatus = 503;
        (await _scraper.ScrapeAsync(Metric, memory, default))!.Value.AverageConcurrentRequests.Should().Be(2);
        await _scraper.ScrapeAsync(Metric, memory, default);
        _asked.Should().Equal("pod 127.0.0.1", "service", "service");
    }

    [TestCase(404, MeshCompatibilityMode.Auto)]
    [TestCase(503, MeshCompatibilityMode.Disabled)]
    [TestCase(503, MeshCompatibilityMode.Auto, true, "pod rev-private.ns true")]
    public async Task Does_not_ask_the_Service_otherwise(
        int status,
        MeshCompatibilityMode mode,
        bool throughMesh = false,
        string expected = "pod 127.0.0.1"
    )
    {
        PutPods(1);
        _podStatus = status;
        _network = new NetworkConfig { MeshCompatibilityMode = mode, EnableMeshPodAddressability = throughMesh };
        await FluentActions
            .Awaiting(() => _scraper.ScrapeAsync(Metric, new ScrapeMemory(), default))
            .Should()
            .ThrowAsync<ScrapeException>();
        _asked.Should().Equal(expected);
    }

    [Test]
    public async Task Asks_as_config_network_says_while_it_changes()
    {
        PutPods(1);
        var memory = new ScrapeMemory();
        await _scraper.ScrapeAsync(Metric, memory, default);
        _network = new NetworkConfig { MeshCompatibilityMode = MeshCompatibilityMode.Enabled };
        await _scraper.ScrapeAsync(Metric, memory, default);
        _network = new NetworkConfig { EnableMeshPodAddressability = true };
        await _scraper.ScrapeAsync(Metric, memory, default);
        _network = new NetworkConfig();
        await _scraper.ScrapeAsync(Metric, memory, default);
        _asked.Should().Equal("pod 127.0.0.1", "service", "pod rev-private.ns true", "pod 127.0.0.1");
    }

    [Test]
    public async Task Finds_out_anew_after_config_network_has_told_the_way()
    {
        PutPods(1);
        var memory = new ScrapeMemory();
        _podStatus = 502;
        await _scraper.ScrapeAsync(Metric, memory, default);
        _network = new NetworkConfig { MeshCompatibilityMode = MeshCompatibilityMode.Enabled };
        await _scraper.ScrapeAsync(Metric, memory, default);
        _network = new NetworkConfig();
        _podStatus = 200;
        _asked.Clear();
        await _scraper.ScrapeAsync(Metric, memory, default);
        _asked.Should().Equal("pod 127.0.0.1");
    }

    [Test]
    public async Task Does_not_ask_the_Service_when_a_pod_is_not_reached_at_all()
    {
        PutPods(1);
        await _pod.DisposeAsync();
        await FluentActions
            .Awaiting(() => _scraper.ScrapeAsync(Metric, new ScrapeMemory(), default))
            .Should()
            .ThrowAsync<ScrapeException>();
        _asked.Should().BeEmpty();
    }

    [TestCase("5", 5)]
    [TestCase(null, 2, TestName = "The requests of a queue-proxy that reports only averages")]
    public async Task Asks_single_pods_for_their_requests_in_flight(string? reported, int inFlight)
    {
        PutPods(3);
        _inFlight = reported;

        (await _scraper.ReportsAsync(Pods(), new ScrapeMemory(), "rev-private", default))
            .Should()
            .Equal(Enumerable.Repeat<PodReport?>(new PodReport(inFlight, reported is not null), 3));
        _asked.Should().HaveCount(3);
    }

    [Test]
    public async Task A_pod_that_fails_has_an_unknown_number_of_requests()
    {
        PutPods(1);
        _podStatus = 500;
        (await _scraper.ReportsAsync(Pods(), null, "rev-private", default)).Should().Equal((PodReport?)null);
    }

    [TestCase(MeshCompatibilityMode.Enabled, false, false, 0)]
    [TestCase(MeshCompatibilityMode.Auto, false, true, 0)]
    [TestCase(MeshCompatibilityMode.Auto, true, true, 1)]
    [TestCase(MeshCompatibilityMode.Disabled, false, true, 1)]
    public async Task Pods_behind_a_mesh_are_not_asked_for_their_requests_in_flight(
        MeshCompatibilityMode mode,
        bool isAddressable,
        bool isKnown,
        int asked
    )
    {
        PutPods(1);
        _network = new NetworkConfig { MeshCompatibilityMode = mode, EnableMeshPodAddressability = isAddressable };
        await _scraper.ReportsAsync(Pods(), new ScrapeMemory { IsBehindMesh = isKnown }, "rev-private", default);
        _asked.Should().HaveCount(asked);
    }

    [Test]
    public async Task Through_the_Service_each_pod_counts_once()
    {
        PutPods(3);
        _network = new NetworkConfig { MeshCompatibilityMode = MeshCompatibilityMode.Enabled };
        (await _scraper.ScrapeAsync(Metric, new ScrapeMemory(), default))!
            .Value.AverageConcurrentRequests.Should()
            .Be(6, "three pods with two each");
    }

    [Test]
    public async Task Through_the_Service_too_few_pods_that_answer_are_a_failure()
    {
        PutPods(3);
        _network = new NetworkConfig { MeshCompatibilityMode = MeshCompatibilityMode.Enabled };
        _servicePods = int.MinValue;
        (
            await FluentActions
                .Awaiting(() => _scraper.ScrapeAsync(Metric, new ScrapeMemory(), default))
                .Should()
                .ThrowAsync<ScrapeException>()
                .WithMessage("unsuccessful scrape, sampleSize=3: *")
        )
            .Which.Reason.Should()
            .Be("DidNotReceiveStat");
    }

    [TestCase(HttpRequestError.NameResolutionError, "NoEndpoints")]
    [TestCase(HttpRequestError.ConnectionError, "CollectionFailed")]
    public async Task A_Service_that_cannot_be_asked_is_told_apart_by_why(HttpRequestError error, string reason)
    {
        using var http = new HttpClient(new Failing(error));
        var scrape = new ServiceScrape(http, static _ => new Uri("http://rev-private.ns:9090/metrics"));

        (
            await FluentActions
                .Awaiting(() => scrape.ScrapeAsync(Metric, 1, TimeSpan.FromMinutes(1), default))
                .Should()
                .ThrowAsync<ScrapeException>()
        )
            .Which.Reason.Should()
            .Be(reason);
    }

    private sealed class Failing(HttpRequestError error) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            throw new HttpRequestException(error, "it failed");
    }

    private Task AnswerAsync(HttpContext context, string who, int status, int number)
    {
        lock (_asked)
            _asked.Add(who);
        context.Response.StatusCode = status;

        if (_inFlight is not null)
            (context.Response.Headers["K-In-Flight"], context.Response.Headers["K-Spent"]) = (_inFlight, "true");

        // A negative number: always the same pod.
        var name = number < 0 ? "pod" : $"pod-{number}";
        return context
            .Response.Body.WriteAsync(
                StatCodec.Encode(
                    new Stat
                    {
                        PodName = name,
                        AverageConcurrentRequests = 2,
                        ProcessUptime = 1000,
                    }
                )
            )
            .AsTask();
    }

    private IReadOnlyList<Pod> Pods() => _cluster.All(Resources.Pods, "ns");

    private void PutPods(int count)
    {
        for (var i = 1; i <= count; i++)
        {
            _cluster.Put(
                Resources.Pods,
                new Pod
                {
                    ApiVersion = "v1",
                    Kind = "Pod",
                    Metadata = new ObjectMeta
                    {
                        Namespace = "ns",
                        Name = $"rev-{i}",
                        Labels = new Dictionary<string, string> { ["serving.knative.dev/revision"] = "rev" },
                    },
                    Status = new PodStatus
                    {
                        Phase = "Running",
                        PodIP = "127.0.0.1",
                        Conditions = [new Condition { Type = "Ready", Status = "True" }],
                    },
                }
            );
        }
    }
}
