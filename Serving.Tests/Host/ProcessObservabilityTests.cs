using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using System.Text;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.ConfigMaps;
using Serving.Host.Composition;
using Serving.Host.Metrics;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Observability.Logging;
using Serving.Observability.Requests;
using Serving.Tests.Dataplane;
using Serving.Tests.Observability.Otlp;
using Serving.Tests.Support;

namespace Serving.Tests.Host;

[Category("Slow")]
public sealed class ProcessObservabilityTests
{
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(5) };
    private CancellationTokenSource _stop = null!;
    private MemoryStream _log = null!;
    private MemoryStream _requests = null!;
    private InMemoryCluster _cluster = null!;
    private ConfigStore _config = null!;
    private ProcessLogging _logging = null!;
    private ProcessObservability _observability = null!;
    private Task _running = null!;
    private MetricsEndpoint _metrics = null!;
    private ServedPorts _ports = null!;

    [SetUp]
    public async Task SetUp()
    {
        _stop = new CancellationTokenSource();
        (_log, _requests) = (new MemoryStream(), new MemoryStream());
        _cluster = new InMemoryCluster();
        var environment = new ClusterEnvironment("knative-serving", "cluster.local", "pod", IPAddress.Loopback);
        _logging = new ProcessLogging(new LogOptions { Output = Stream.Synchronized(_log) });
        _config = new ConfigStore(_cluster, environment, _logging.Factory.CreateLogger<ConfigStore>(), Substitute.For<IEventRecorder>());
        _metrics = new MetricsEndpoint(null, TimeProvider.System);
        _ports = await ServedPorts.StartAsync(
            _metrics.Port,
            new ServingPort("other", new IPEndPoint(IPAddress.Loopback, 0)) { Serve = static _ => { } }
        );
        _observability = new ProcessObservability(
            _config,
            _logging,
            environment,
            _metrics,
            _ports.Listeners,
            TimeProvider.System,
            Stream.Synchronized(_requests)
        );
        _running = _observability.RunAsync(_stop.Token);
    }

    [TearDown]
    public async Task TearDown()
    {
        await _stop.CancelAsync();
        await _running;
        await _ports.DisposeAsync();
        _metrics.Dispose();
        _observability.Dispose();
        _config.Dispose();
        _logging.Dispose();
        _stop.Dispose();
    }

    [OneTimeTearDown]
    public void DisposeClient() => _http.Dispose();

    [Test]
    public async Task Metrics_are_served_and_sent_as_config_observability_says_while_it_changes()
    {
        var ports = FreePorts.Of(IPAddress.Loopback, 2);
        Configure(("metrics-protocol", "prometheus"), ("metrics-endpoint", $"localhost:{ports[0]}"));
        await Eventually.HoldsAsync(async () => (await ScrapeAsync(ports[0])).Should().Contain("# TYPE"));
        Configure(("metrics-protocol", "prometheus"), ("metrics-endpoint", $"127.0.0.1:{ports[1]}"));
        await Eventually.HoldsAsync(async () => (await ScrapeAsync(ports[1])).Should().Contain("# TYPE"));
        await FluentActions.Awaiting(() => ScrapeAsync(ports[0])).Should().ThrowAsync<HttpRequestException>();

        Configure(("metrics-protocol", "prometheus"), ("metrics-endpoint", $"nowhere.invalid:{ports[0]}"));
        await Eventually.HoldsAsync(() => Text(_log).Should().Contain($"metrics-endpoint nowhere.invalid:{ports[0]} names no address"));
        await FluentActions.Awaiting(() => ScrapeAsync(ports[1])).Should().ThrowAsync<HttpRequestException>();

        var sent = 0;
        await using var collector = await TestServer.StartAsync(context =>
        {
            if (context.Request.Path == "/v1/metrics")
                Interlocked.Increment(ref sent);
            context.Response.ContentLength = 0;
            return Task.CompletedTask;
        });
        Configure(
            ("metrics-protocol", "http/protobuf"),
            ("metrics-endpoint", $"http://{collector.Address}/v1/metrics"),
            ("metrics-export-interval", "50ms")
        );
        await Eventually.HoldsAsync(() => Volatile.Read(ref sent).Should().BeGreaterThan(3));

        Configure(
            ("metrics-protocol", "http/protobuf"),
            ("metrics-endpoint", $"http://{collector.Address}/v1/metrics"),
            ("metrics-export-interval", "1h")
        );
        var before = -1;
        await Eventually.HoldsAsync(async () =>
        {
            (before, var seen) = (Volatile.Read(ref sent), before);
            await Task.Delay(400);
            seen.Should().Be(Volatile.Read(ref sent), "the next one is an hour away");
        });
    }

    [Test]
    public async Task Requests_are_logged_as_config_observability_says_while_it_changes()
    {
        Log();
        Configure(("logging.enable-request-log", "true"), ("logging.request-log-template", "one {{.Request.Method}} {{.Revision.Name}}"));
        Log();
        Configure(
            ("logging.enable-request-log", "true"),
            ("logging.request-log-template", "two {{.Response.Code}} {{.Revision.Namespace}}")
        );
        Log();
        Configure(("logging.enable-request-log", "false"));
        Log();
        await Eventually.HoldsAsync(() => Text(_requests).Should().Be("one GET rev\ntwo 201 ns\n"));

        void Log()
        {
            var context = new DefaultHttpContext { Request = { Method = "GET" } };
            _observability.Requests.Write(context, 201, 0, TimeSpan.Zero, new RequestLogRevision("ns", "rev", "", ""));
        }
    }

    [Test]
    public async Task Metrics_of_the_server_the_client_and_the_runtime_are_sent_and_nothing_is_collected_without_an_exporter()
    {
        using var meter = new Meter($"Serving.Test.{Guid.NewGuid():N}");
        var counter = meter.CreateCounter<long>("anything");
        var sent = new ConcurrentQueue<string>();
        await using var collector = await TestServer.StartAsync(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            sent.Enqueue(Encoding.Latin1.GetString(body.ToArray()));
            context.Response.ContentLength = 0;
        });
        counter.Enabled.Should().BeFalse("nobody is configured to hear of it");

        Configure(
            ("metrics-protocol", "http/protobuf"),
            ("metrics-endpoint", $"http://{collector.Address}/v1/metrics"),
            ("metrics-export-interval", "50ms")
        );
        await Eventually.HoldsAsync(async () =>
        {
            counter.Add(1);
            (await _http.GetAsync(new Uri($"http://{_ports["other"]}/"))).StatusCode.Should().Be(HttpStatusCode.NotFound);
            string.Concat(sent)
                .Should()
                .ContainAll("anything", "http.server.active_requests", "http.client.request.duration", "dotnet.gc.collections");
        });

        Configure(("metrics-protocol", "none"));
        await Eventually.HoldsAsync(() => counter.Enabled.Should().BeFalse());
    }

    [Test]
    public async Task The_access_log_of_the_gateway_follows_its_key()
    {
        Log();
        Configure(("logging.gateway-access-log-template", "{{.Route.Listener}} {{.Backend.Address}} {{.Response.Code}}"));
        Log();
        Configure(("logging.gateway-access-log-template", ""));
        Log();
        await Eventually.HoldsAsync(() => Text(_requests).Should().Be("external 10.0.0.1:8012 200\n"));

        void Log() =>
            _observability.GatewayRequests.Write(
                new DefaultHttpContext(),
                200,
                0,
                TimeSpan.Zero,
                new RequestLogRevision("ns", "rev", "", ""),
                new RequestLogRouting("external", "ns", "route", "ingress", "10.0.0.1:8012", 0)
            );
    }

    [TestCase("http/protobuf")]
    [TestCase("grpc")]
    public async Task The_log_is_exported_with_its_trace_while_logging_protocol_says_so(string protocol)
    {
        await using var collector = await OtlpReceiver.StartAsync();
        var logger = _logging.Factory.CreateLogger("Serving.Controller.Something");
        Configure(("logging-protocol", protocol), ("logging-endpoint", collector.Endpoint(protocol, "logs")));
        using var span = new Activity("reconcile") { ActivityTraceFlags = ActivityTraceFlags.Recorded };
        span.Start();
        using (logger.BeginScope(new KeyValuePair<string, object?>[] { new("knative.dev/key", "ns/name") }))
        {
            // The export starts a moment after the change; a debug line is below the level of the log.
            var number = 0;
            await Eventually.HoldsAsync(
                () =>
                {
                    logger.LogDebug("not written");
                    logger.LogInformation("line {Number}", ++number);
                    collector.Records.Should().NotBeEmpty();
                },
                TimeSpan.FromSeconds(30)
            );
        }

        span.Stop();
        var record = collector.Records.First(static one => one.Text.StartsWith("line", StringComparison.Ordinal));
        record.Service.Should().Be("serving");
        record.Logger.Should().Be("Serving.Controller.Something");
        record.Record.SeverityNumber.Should().Be(9, "that is INFO");
        (record.TraceId, record.SpanId).Should().Be((span.TraceId.ToHexString(), span.SpanId.ToHexString()));
        record.Attributes.Should().Contain("knative.dev/key", "ns/name").And.ContainKey("Number");

        Configure(("logging-protocol", "none"));
        await Eventually.HoldsAsync(() => _logging.IsExported.Should().BeFalse());
        collector.Records.Should().NotContain(static one => one.Text == "not written");
    }

    [Test]
    public async Task Requests_are_traced_at_the_configured_rate_while_it_changes()
    {
        await using var collector = await OtlpReceiver.StartAsync();
        _observability.Tracing.IsOn.Should().BeFalse();
        var endpoint = ("tracing-endpoint", collector.Endpoint("http/protobuf", "traces"));
        Configure(("tracing-protocol", "http/protobuf"), endpoint, ("tracing-sampling-rate", "0.25"));
        await Eventually.HoldsAsync(() => _observability.Tracing.Rate.Should().Be(0.25));
        using var source = new ActivitySource("Serving.Test.Process");
        source.HasListeners().Should().BeTrue();

        Configure(("tracing-protocol", "http/protobuf"), endpoint, ("tracing-sampling-rate", "0"));
        await Eventually.HoldsAsync(() => _observability.Tracing.IsOn.Should().BeFalse());
        await Eventually.HoldsAsync(() => source.HasListeners().Should().BeFalse("nothing is exported"));

        Configure(("tracing-protocol", "http/protobuf"), endpoint, ("tracing-sampling-rate", "1"));
        await Eventually.HoldsAsync(() => _observability.Tracing.Rate.Should().Be(1));
        source.StartActivity("exported")!.Dispose();
        await Eventually.HoldsAsync(
            () => collector.Spans.Should().Contain(static span => span.Name == "exported" && span.Service == "serving"),
            TimeSpan.FromSeconds(30)
        );
        Configure(("tracing-protocol", "none"));
        await Eventually.HoldsAsync(() => _observability.Tracing.IsOn.Should().BeFalse());
    }

    [Test]
    public async Task An_endpoint_that_takes_nothing_is_logged()
    {
        await using var collector = await TestServer.StartAsync(static context =>
        {
            context.Response.StatusCode = 404;
            return Task.CompletedTask;
        });
        Configure(
            ("metrics-protocol", "http/protobuf"),
            ("metrics-endpoint", $"http://{collector.Address}/v1/metric"),
            ("metrics-export-interval", "50ms")
        );

        await Eventually.HoldsAsync(() =>
            Text(_log).Should().Contain($"metrics-endpoint http://{collector.Address}/v1/metric does not take metrics")
        );
    }

    [Test]
    public async Task Every_trace_is_written_to_standard_output_whatever_the_rate()
    {
        Configure(("tracing-protocol", "stdout"));

        await Eventually.HoldsAsync(() => _observability.Tracing.Rate.Should().Be(1));
    }

    [Test]
    public async Task Pushed_metrics_have_no_series_by_pod_and_none_with_the_name_of_the_activators_own()
    {
        await using var collector = await OtlpReceiver.StartAsync();
        Push(collector);
        await Eventually.HoldsAsync(async () =>
        {
            (await _http.GetAsync(new Uri($"http://{_ports["other"]}/"))).Dispose();
            collector
                .Received.Select(static one => one.Name)
                .Should()
                .Contain(["http.client.request.duration", "http.client.open_connections", "http.server.active_requests"]);
        });

        collector
            .Received.Where(static one => one.Scope == "System.Net.Http")
            .SelectMany(static one => one.Attributes.Keys)
            .Should()
            .NotContain(["server.address", "server.port", "network.peer.address"]);
        collector
            .Received.Should()
            .NotContain(static one => one.Scope == "Microsoft.AspNetCore.Hosting" && one.Name == "http.server.request.duration");
    }

    [Test]
    public async Task A_change_of_traces_does_not_restart_the_series_of_metrics()
    {
        await using var collector = await OtlpReceiver.StartAsync();
        using var meter = new Meter($"Serving.Test.{Guid.NewGuid():N}");
        var counter = meter.CreateCounter<long>("kept");
        (string, string)[] tracing =
        [
            ("tracing-protocol", "http/protobuf"),
            ("tracing-endpoint", collector.Endpoint("http/protobuf", "traces")),
        ];
        Push(collector, [.. tracing, ("tracing-sampling-rate", "0.5")]);
        await Eventually.HoldsAsync(() => counter.Enabled.Should().BeTrue());
        counter.Add(1);
        await Eventually.HoldsAsync(() => Kept().Should().NotBeEmpty());

        Push(collector, [.. tracing, ("tracing-sampling-rate", "0.25")]);
        await Eventually.HoldsAsync(() => _observability.Tracing.Rate.Should().Be(0.25));
        var before = Kept().Count;
        await Eventually.HoldsAsync(() => Kept().Count.Should().BeGreaterThan(before + 2));

        Kept().Select(static one => one.Start).Distinct().Should().ContainSingle("the series goes on");

        List<ReceivedMetric> Kept() => [.. collector.Received.Where(static one => one.Name == "kept")];
    }

    [Test]
    public async Task The_resource_names_the_pod_in_what_is_pushed_and_in_what_is_scraped()
    {
        await using var collector = await OtlpReceiver.StartAsync();
        Push(collector);
        await Eventually.HoldsAsync(() => collector.Received.Should().NotBeEmpty());
        collector
            .Received.First()
            .Resource.Should()
            .Contain("service.name", "serving")
            .And.Contain("k8s.namespace.name", "knative-serving")
            .And.Contain("k8s.pod.name", "pod");

        var port = FreePorts.Of(IPAddress.Loopback, 1)[0];
        Configure(("metrics-protocol", "prometheus"), ("metrics-endpoint", $"localhost:{port}"));
        await Eventually.HoldsAsync(async () =>
            (await ScrapeAsync(port))
                .Should()
                .MatchRegex("target_info{[^}]*k8s_namespace_name=\"knative-serving\"[^}]*k8s_pod_name=\"pod\"[^}]*} 1")
        );
    }

    private void Push(OtlpReceiver collector, params (string Key, string Value)[] others) =>
        Configure([
            ("metrics-protocol", "http/protobuf"),
            ("metrics-endpoint", collector.Endpoint("http/protobuf", "metrics")),
            ("metrics-export-interval", "50ms"),
            .. others,
        ]);

    private static string Text(MemoryStream stream) => Encoding.UTF8.GetString(stream.ToArray());

    private Task<string> ScrapeAsync(int port) => _http.GetStringAsync(new Uri($"http://127.0.0.1:{port}/metrics"));

    private void Configure(params (string Key, string Value)[] data) =>
        _cluster.Put(
            Resources.ConfigMaps,
            new ConfigMap
            {
                ApiVersion = "v1",
                Kind = "ConfigMap",
                Metadata = new() { Namespace = "knative-serving", Name = "config-observability" },
                Data = data.ToDictionary(pair => pair.Key, pair => pair.Value),
            }
        );
}
