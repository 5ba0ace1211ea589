using System.Net;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Networking;
using Serving.Instruments;
using Serving.Networking.Gateway;
using Serving.Networking.Gateway.Telemetry;
using Serving.Observability.Metrics;
using Serving.Tests.Observability;
using Serving.Tests.Support;

namespace Serving.Tests.Networking.Gateway;

/// <summary>The gateway's metrics, as they are scraped. The process has one gateway at a time here, so that its series are its
/// own.</summary>
[NonParallelizable]
public sealed class GatewayMetricsTests : GatewayFixture
{
    private const string Duration = "kn_gateway_request_duration_seconds_count";

    private PrometheusExporter _exporter = null!;

    [SetUp]
    public void Listen() => _exporter = new PrometheusExporter(GatewayMetrics.MeterName);

    [TearDown]
    public void StopListening() => _exporter.Dispose();

    [Test]
    public async Task Requests_are_measured_by_route_revision_method_status_and_version()
    {
        await RouteAsync(
            "shop",
            context =>
            {
                context.Response.StatusCode = context.Request.Path == "/bad" ? 500 : 200;
                return Task.CompletedTask;
            }
        );

        await SendAsync("shop.test", "/");
        await SendAsync("shop.test", "/bad");
        await SendAsync("shop.test", "/", new HttpMethod("PURGE"));

        await Eventually.HoldsAsync(() => Scrape().Sum(Duration, Series("shop")).Should().Be(3));
        var read = Scrape();
        read.Sum(Duration, [.. Series("shop"), ("http_request_method", "GET"), ("http_response_status_code", "200")]).Should().Be(1);
        read.Sum(Duration, [.. Series("shop"), ("http_request_method", "GET"), ("http_response_status_code", "500")]).Should().Be(1);
        read.Sum(Duration, [.. Series("shop"), ("http_request_method", "_OTHER"), ("network_protocol_version", "1.1")]).Should().Be(1);
        read.Samples.Keys.Should().Contain(key => key.StartsWith("kn_gateway_request_active{", StringComparison.Ordinal));
    }

    [Test]
    public async Task Requests_in_flight_and_connections_are_gauges()
    {
        var release = new TaskCompletionSource();
        await RouteAsync("slow", _ => release.Task);

        var pending = SendAsync("slow.test", "/");

        await Eventually.HoldsAsync(() => Scrape().Sum("kn_gateway_request_active", Series("slow")).Should().Be(1));
        Scrape().Sum("kn_gateway_connections", ("listener", "external"), ("url_scheme", "http")).Should().BeGreaterThan(0);
        Scrape().Samples.Should().ContainKey("kn_gateway_connections{listener=\"cluster-local\",url_scheme=\"http\"}");
        release.SetResult();
        await pending;
        await Eventually.HoldsAsync(() => Scrape().Sum("kn_gateway_request_active", Series("slow")).Should().Be(0));
    }

    [Test]
    public async Task What_no_backend_gets_is_counted_by_reason()
    {
        await RouteAsync("here", static _ => Task.CompletedTask);

        await SendAsync("nowhere.test", "/");
        await SendAsync("here.test", "/a/../b");
        await SendAsync("nowhere.test", "/", to: Gateway.ClusterLocal);

        var read = Scrape();
        read.Sum("kn_gateway_request_unrouted_total", ("listener", "external"), ("reason", "no_route")).Should().Be(1);
        read.Sum("kn_gateway_request_unrouted_total", ("listener", "external"), ("reason", "bad_path")).Should().Be(1);
        read.Sum("kn_gateway_request_unrouted_total", ("listener", "cluster-local"), ("reason", "no_route")).Should().Be(1);
    }

    [Test]
    public async Task Retries_and_refusals_are_counted_with_the_revision()
    {
        var (alive, dead) = (await Gateway.BackendAsync(static _ => Task.CompletedTask), FreePorts.Next());
        Put("flaky", alive.Endpoints[0], new IPEndPoint(IPAddress.Loopback, dead));
        Put("gone", new IPEndPoint(IPAddress.Loopback, dead));
        await Gateway.RoutedAsync("flaky");
        await Gateway.RoutedAsync("gone");

        for (var i = 0; i < 20; i++)
            await SendAsync("flaky.test", "/");
        (await SendAsync("gone.test", "/")).Should().Be(HttpStatusCode.ServiceUnavailable);

        var read = Scrape();
        read.Sum("kn_gateway_request_retries_total", [.. Series("flaky"), ("reason", "not_connected")]).Should().BeGreaterThan(0);
        read.Sum("kn_gateway_request_no_endpoint_total", Series("gone")).Should().Be(1);
        read.Sum("kn_gateway_request_no_endpoint_total", Series("flaky")).Should().Be(0);
        read.Sum(Duration, Series("flaky")).Should().Be(20);
    }

    [Test]
    public async Task Failures_are_0_from_the_first_request_on_also_for_an_exporter_that_starts_later()
    {
        await RouteAsync("fine", static _ => Task.CompletedTask);
        Scrape().Samples.Keys.Should().NotContain(static key => key.Contains("\"fine\"", StringComparison.Ordinal));
        await SendAsync("fine.test", "/");
        await Eventually.HoldsAsync(() => Scrape().Sum(Duration, Series("fine")).Should().Be(1));

        foreach (var name in new[] { "kn_gateway_request_no_endpoint_total", "kn_gateway_request_retries_total" })
            Of(Scrape(), name).Should().NotBeEmpty().And.OnlyContain(static sample => sample.Value == 0);
        using var later = new PrometheusExporter(GatewayMetrics.MeterName);
        var read = MetricsText.Read(later.Render(TextFormat.OpenMetrics), openMetrics: true);
        Of(read, "kn_gateway_request_no_endpoint_total").Should().ContainSingle();
        Of(read, "kn_gateway_request_retries_total").Should().HaveCount(3, "one for each reason");

        static IEnumerable<KeyValuePair<string, double>> Of(MetricsText text, string name) =>
            text.Samples.Where(sample =>
                sample.Key.StartsWith(name + "{", StringComparison.Ordinal) && sample.Key.Contains("\"fine\"", StringComparison.Ordinal)
            );
    }

    [Test]
    public async Task The_series_of_a_deleted_route_end()
    {
        await RouteAsync("old", static _ => Task.CompletedTask);
        await RouteAsync("new", static _ => Task.CompletedTask);
        await SendAsync("old.test", "/");
        await SendAsync("new.test", "/");
        await Eventually.HoldsAsync(() => Scrape().Sum(Duration).Should().Be(2));

        await Gateway.Cluster.DeleteAsync(Resources.Ingresses, "default", "old", default);

        await Eventually.HoldsAsync(() =>
            Scrape().Samples.Keys.Should().NotContain(key => key.Contains("kn_revision_name=\"old\"", StringComparison.Ordinal))
        );
        Scrape().Sum(Duration, Series("new")).Should().Be(1);
    }

    [Test]
    public void Three_thousand_revisions_leave_nothing_and_one_program_cannot_use_up_the_series()
    {
        var statistics = new GatewayStatistics();
        using var metrics = new GatewayMetrics(statistics, static () => []);
        var ended = EndedSeries.Count;
        var keys = Enumerable.Range(0, 3000).Select(i => new TrafficKey("ns", $"rev-{i:D5}", true, $"route-{i % 100}")).ToHashSet();
        foreach (var key in keys)
            Request(statistics.For(key), "GET", 200);
        for (var status = 100; status < 600; status++)
            Request(statistics.For(keys.First()), status % 2 == 0 ? "GET" : "POST", status);

        var read = Scrape();
        read.Sum(Duration).Should().Be(3500);
        read.Samples.Keys.Count(key =>
                key.StartsWith(Duration, StringComparison.Ordinal) && key.Contains("rev-00000", StringComparison.Ordinal)
            )
            .Should()
            .BeLessThanOrEqualTo(40);

        foreach (var key in keys)
            statistics.Remove(key);
        Scrape();
        Scrape().Samples.Keys.Should().NotContain(key => key.Contains("rev-", StringComparison.Ordinal));
        (EndedSeries.Count - ended).Should().Be(3000);

        void Request(TrafficCounter counter, string method, int status)
        {
            var context = new DefaultHttpContext { Request = { Method = method, Protocol = "HTTP/1.1" } };
            var started = GatewayMetrics.Started(counter, RevisionOwner.Unknown);
            context.Response.StatusCode = status;
            metrics.Ended(context, counter, started);
        }
    }

    [Test]
    public void Recording_a_request_allocates_nothing()
    {
        var statistics = new GatewayStatistics();
        using var metrics = new GatewayMetrics(statistics, static () => []);
        var counter = statistics.For(new TrafficKey("ns", "rev", true, "route"));
        var context = new DefaultHttpContext { Request = { Method = "GET", Protocol = "HTTP/1.1" } };
        for (var i = 0; i < 100; i++)
            Many();

        var before = GC.GetAllocatedBytesForCurrentThread();
        Many();

        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);
        Scrape().Sum(Duration, ("kn_revision_name", "rev")).Should().Be(101 * 100);

        void Many()
        {
            for (var i = 0; i < 100; i++)
                metrics.Ended(context, counter, GatewayMetrics.Started(counter, RevisionOwner.Unknown));
        }
    }

    [Test]
    public void A_request_that_outlives_its_route_is_exported_when_it_ends()
    {
        var statistics = new GatewayStatistics();
        using var metrics = new GatewayMetrics(statistics, static () => []);
        var key = new TrafficKey("ns", "rev", true, "route");
        var counter = statistics.For(key);
        var started = GatewayMetrics.Started(counter, RevisionOwner.Unknown);
        statistics.Remove(key);
        statistics.Snapshot().Should().BeEmpty("no route leads to it");
        Scrape().Sum("kn_gateway_request_active", ("kn_revision_name", "rev")).Should().Be(1);

        metrics.Ended(new DefaultHttpContext { Request = { Protocol = "HTTP/1.1" } }, counter, started);

        Scrape().Sum(Duration, ("kn_revision_name", "rev")).Should().Be(1);
        Scrape().Samples.Keys.Should().NotContain(name => name.Contains("\"rev\"", StringComparison.Ordinal));
    }

    private static (string Name, string Value)[] Series(string name) =>
        [
            ("k8s_namespace_name", "default"),
            ("kn_service_name", name),
            ("kn_configuration_name", name + "-configuration"),
            ("kn_revision_name", name),
            ("kn_route_name", name + "-route"),
        ];

    private MetricsText Scrape() => MetricsText.Read(_exporter.Render(TextFormat.OpenMetrics), openMetrics: true);

    private async Task<HttpStatusCode> SendAsync(string host, string target, HttpMethod? method = null, IPEndPoint? to = null)
    {
        using var request = Request(host, target, to);
        request.Method = method ?? HttpMethod.Get;
        using var response = await Http.SendAsync(request);
        return response.StatusCode;
    }

    private async Task RouteAsync(string name, RequestDelegate handler)
    {
        var backend = await Gateway.BackendAsync(handler);
        Put(name, backend.Endpoints[0]);
        await Gateway.RoutedAsync(name);
    }

    /// <summary>A revision with the labels that the controllers set.</summary>
    private void Put(string name, params IPEndPoint[] addresses)
    {
        Gateway.Cluster.PutService(name);
        var service = Gateway.Cluster.Find(Resources.Services, "default", name)!;
        Gateway.Cluster.Put(
            Resources.Services,
            service with
            {
                Metadata = service.Metadata with
                {
                    Labels = new Dictionary<string, string>
                    {
                        ["serving.knative.dev/service"] = name,
                        ["serving.knative.dev/configuration"] = name + "-configuration",
                    },
                },
            }
        );
        Gateway.Cluster.PutEndpoints(name, addresses);
        var ingress = Networking.Gateway.Cluster.NewIngress(name, Rule(name));
        Gateway.Cluster.Put(
            Resources.Ingresses,
            ingress with
            {
                Metadata = ingress.Metadata with
                {
                    Labels = new Dictionary<string, string> { ["serving.knative.dev/route"] = name + "-route" },
                },
            }
        );
    }

    private static IngressRule Rule(string name) => Networking.Gateway.Cluster.Rule($"{name}.test", Networking.Gateway.Cluster.To(name));
}
