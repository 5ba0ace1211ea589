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
        Spec = new MetricSpec { StableWindow = 60_000_000_000, PanicWindow = 6_000_000_000, ScrapeTarget = "rev-private" },
    };

    private readonly List<string> asked = [];
    private InMemoryCluster cluster = null!;
    private TestServer pod = null!;
    private TestServer service = null!;
    private PodScraper scraper = null!;
    private NetworkConfig network = new();
    private int podStatus;
    private int servicePods;

    [SetUp]
    public async Task SetUp()
    {
        asked.Clear();
        (podStatus, servicePods) = (200, 0);
        network = new NetworkConfig();
        pod = await TestServer.StartAsync(context => AnswerAsync(context, $"pod {context.Request.Host.Host} {context.Request.Headers["K-Passthrough-Lb"]}".TrimEnd(), podStatus, 0));
        service = await TestServer.StartAsync(context => AnswerAsync(context, "service", 200, Interlocked.Increment(ref servicePods)));
        cluster = new InMemoryCluster();
        var pods = cluster.For(Resources.Pods, labelSelector: RevisionPods.Selector).Lister;
        scraper = new PodScraper(pods, () => network, TimeProvider.System, pod.EndPoint.Port, _ => new Uri($"http://{service.Address}/metrics"));
    }

    [TearDown]
    public async Task TearDown()
    {
        scraper.Dispose();
        await pod.DisposeAsync();
        await service.DisposeAsync();
    }

    [Test]
    public async Task Asks_the_Service_once_every_pod_fails_as_behind_a_mesh_and_remembers_it()
    {
        PutPods(1);
        var memory = new ScrapeMemory();
        podStatus = 503;
        (await scraper.ScrapeAsync(Metric, memory, default))!.Value.AverageConcurrentRequests.Should().Be(2);
        await scraper.ScrapeAsync(Metric, memory, default);
        asked.Should().Equal("pod 127.0.0.1", "service", "service");
    }

    [TestCase(404, MeshCompatibilityMode.Auto)]
    [TestCase(503, MeshCompatibilityMode.Disabled)]
    [TestCase(503, MeshCompatibilityMode.Auto, true, "pod rev-private.ns true")]
    public async Task Does_not_ask_the_Service_otherwise(int status, MeshCompatibilityMode mode, bool throughMesh = false, string expected = "pod 127.0.0.1")
    {
        PutPods(1);
        podStatus = status;
        network = new NetworkConfig { MeshCompatibilityMode = mode, EnableMeshPodAddressability = throughMesh };
        await FluentActions.Awaiting(() => scraper.ScrapeAsync(Metric, new ScrapeMemory(), default)).Should().ThrowAsync<ScrapeException>();
        asked.Should().Equal(expected);
    }

    [Test]
    public async Task Asks_as_config_network_says_while_it_changes()
    {
        PutPods(1);
        var memory = new ScrapeMemory();
        await scraper.ScrapeAsync(Metric, memory, default);
        network = new NetworkConfig { MeshCompatibilityMode = MeshCompatibilityMode.Enabled };
        await scraper.ScrapeAsync(Metric, memory, default);
        network = new NetworkConfig { EnableMeshPodAddressability = true };
        await scraper.ScrapeAsync(Metric, memory, default);
        network = new NetworkConfig();
        await scraper.ScrapeAsync(Metric, memory, default);
        asked.Should().Equal("pod 127.0.0.1", "service", "pod rev-private.ns true", "pod 127.0.0.1");
    }

    [Test]
    public async Task Finds_out_anew_after_config_network_has_told_the_way()
    {
        PutPods(1);
        var memory = new ScrapeMemory();
        podStatus = 502;
        await scraper.ScrapeAsync(Metric, memory, default);
        network = new NetworkConfig { MeshCompatibilityMode = MeshCompatibilityMode.Enabled };
        await scraper.ScrapeAsync(Metric, memory, default);
        network = new NetworkConfig();
        podStatus = 200;
        asked.Clear();
        await scraper.ScrapeAsync(Metric, memory, default);
        asked.Should().Equal("pod 127.0.0.1");
    }

    [Test]
    public async Task Does_not_ask_the_Service_when_a_pod_is_not_reached_at_all()
    {
        PutPods(1);
        await pod.DisposeAsync();
        await FluentActions.Awaiting(() => scraper.ScrapeAsync(Metric, new ScrapeMemory(), default)).Should().ThrowAsync<ScrapeException>();
        asked.Should().BeEmpty();
    }

    [Test]
    public async Task Through_the_Service_each_pod_counts_once()
    {
        PutPods(3);
        network = new NetworkConfig { MeshCompatibilityMode = MeshCompatibilityMode.Enabled };
        (await scraper.ScrapeAsync(Metric, new ScrapeMemory(), default))!.Value.AverageConcurrentRequests.Should().Be(6, "three pods with two each");
    }

    [Test]
    public async Task Through_the_Service_too_few_pods_that_answer_are_a_failure()
    {
        PutPods(3);
        network = new NetworkConfig { MeshCompatibilityMode = MeshCompatibilityMode.Enabled };
        servicePods = int.MinValue;
        (await FluentActions.Awaiting(() => scraper.ScrapeAsync(Metric, new ScrapeMemory(), default)).Should().ThrowAsync<ScrapeException>().WithMessage("unsuccessful scrape, sampleSize=3: *"))
            .Which.Reason.Should().Be("DidNotReceiveStat");
    }

    [TestCase(HttpRequestError.NameResolutionError, "NoEndpoints")]
    [TestCase(HttpRequestError.ConnectionError, "CollectionFailed")]
    public async Task A_Service_that_cannot_be_asked_is_told_apart_by_why(HttpRequestError error, string reason)
    {
        using var http = new HttpClient(new Failing(error));
        var scrape = new ServiceScrape(http, static _ => new Uri("http://rev-private.ns:9090/metrics"));

        (await FluentActions.Awaiting(() => scrape.ScrapeAsync(Metric, 1, TimeSpan.FromMinutes(1), default)).Should().ThrowAsync<ScrapeException>()).Which.Reason.Should().Be(reason);
    }

    private sealed class Failing(HttpRequestError error) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
            => throw new HttpRequestException(error, "it failed");
    }

    private Task AnswerAsync(HttpContext context, string who, int status, int number)
    {
        lock (asked) asked.Add(who);
        context.Response.StatusCode = status;

        // A negative number: always the same pod.
        var name = number < 0 ? "pod" : $"pod-{number}";
        return context.Response.Body.WriteAsync(StatCodec.Encode(new Stat { PodName = name, AverageConcurrentRequests = 2, ProcessUptime = 1000 })).AsTask();
    }

    private void PutPods(int count)
    {
        for (var i = 1; i <= count; i++)
        {
            cluster.Put(Resources.Pods, new Pod
            {
                ApiVersion = "v1",
                Kind = "Pod",
                Metadata = new ObjectMeta { Namespace = "ns", Name = $"rev-{i}", Labels = new Dictionary<string, string> { ["serving.knative.dev/revision"] = "rev" } },
                Status = new PodStatus { Phase = "Running", PodIP = "127.0.0.1", Conditions = [new Condition { Type = "Ready", Status = "True" }] },
            });
        }
    }
}
