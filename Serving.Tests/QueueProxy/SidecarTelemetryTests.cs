using System.Collections.Concurrent;
using System.Text;
using System.Text.Json.Nodes;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Controller.Revisions.Resources;
using Serving.Tests.Dataplane;
using Serving.Tests.Observability;
using Serving.Tests.Observability.Otlp;
using Serving.Tests.Support;
using ServingObservability = Serving.Api.Config.ObservabilityConfig;

namespace Serving.Tests.QueueProxy;

/// <summary>The telemetry of the sidecar as a process, configured as by the controller.</summary>
[TestFixture]
public sealed class SidecarTelemetryTests
{
    private const string TraceId = "0af7651916cd43dd8448eb211c80319c";
    private readonly HttpClient _client = new() { Timeout = TimeSpan.FromSeconds(30) };

    [OneTimeTearDown]
    public void DisposeClient() => _client.Dispose();

    [Test]
    public async Task Logs_each_request_as_the_default_template_says_and_no_probe()
    {
        await using var user = await TestServer.StartAsync(async context =>
        {
            context.Response.StatusCode = 201;
            await context.Response.WriteAsync("hello");
        });
        using var proxy = await StartAsync(user, new ServingObservability { LoggingEnableRequestLog = true });

        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(proxy.Serving, "a%2Fb?c=\"d\""))
        {
            Content = new StringContent("four"),
        };
        request.Headers.TryAddWithoutValidation("User-Agent", "tester/1 \"x\"");
        request.Headers.Add("traceparent", $"00-{TraceId}-b7ad6b7169203331-01");
        using var response = await _client.SendAsync(request);

        JsonNode line = null!;
        await Eventually.HoldsAsync(() => line = JsonNode.Parse(proxy.Output.Should().ContainSingle().Which)!);
        line["traceId"]!.GetValue<string>().Should().Be(TraceId);
        var logged = line["httpRequest"]!;
        logged["requestMethod"]!.GetValue<string>().Should().Be("POST");
        logged["requestUrl"]!.GetValue<string>().Should().Be("/a%2Fb?c=%22d%22");
        logged["requestSize"]!.GetValue<string>().Should().Be("4");
        logged["status"]!.GetValue<int>().Should().Be(201);
        logged["responseSize"]!.GetValue<string>().Should().Be("5");
        logged["userAgent"]!.GetValue<string>().Should().Be("tester/1 \"x\"");
        logged["remoteIp"]!.GetValue<string>().Should().StartWith("127.");
        logged["serverIp"]!.GetValue<string>().Should().Be(proxy.Serving.Host);
        logged["latency"]!.GetValue<string>().Should().MatchRegex("^[0-9.e-]+s$");
        logged["protocol"]!.GetValue<string>().Should().Be("HTTP/1.1");
    }

    [Test]
    public async Task Logs_probes_where_it_is_told_to_and_the_errors_it_answers_itself()
    {
        await using var user = await TestServer.StartAsync(static _ => Task.CompletedTask);
        using var proxy = await StartAsync(
            user,
            new ServingObservability
            {
                LoggingEnableRequestLog = true,
                LoggingEnableProbeRequestLog = true,
                LoggingRequestLogTemplate = "{{.Revision.Name}} {{.Request.Host}} {{.Response.Code}}",
            }
        );
        await user.DisposeAsync();

        using var request = new HttpRequestMessage(HttpMethod.Get, proxy.Serving) { Headers = { Host = "hello.example" } };
        using var response = await _client.SendAsync(request);

        await Eventually.HoldsAsync(() => proxy.Output.Should().EndWith("rev hello.example 502"));
        proxy.Output.Should().Contain($"rev {proxy.Serving.Authority} 200");
    }

    [Test]
    public async Task A_template_that_asks_for_what_there_is_not_is_said_in_the_log()
    {
        await using var user = await TestServer.StartAsync(static _ => Task.CompletedTask);
        using var proxy = await StartAsync(
            user,
            new ServingObservability { LoggingEnableRequestLog = true, LoggingRequestLogTemplate = "{{.Response.Colour}}" }
        );

        (await _client.GetAsync(new Uri(proxy.Serving, "x"))).Dispose();

        await Eventually.HoldsAsync(() =>
            proxy
                .Output.Should()
                .ContainSingle()
                .Which.Should()
                .MatchRegex("^Invalid request log template: method: GET, response code: 200, latency: .*, url: /x$")
        );
    }

    [Test]
    public async Task Serves_the_metrics_of_requests_on_a_port_of_their_own()
    {
        await using var user = await TestServer.StartAsync(context =>
        {
            context.Response.StatusCode = context.Request.Path == "/bad" ? 500 : 200;
            return Task.CompletedTask;
        });
        using var proxy = await StartAsync(
            user,
            new ServingObservability { RequestMetricsProtocol = "prometheus" },
            ("CONTAINER_CONCURRENCY", "2")
        );
        (await _client.GetAsync(proxy.Serving)).Dispose();
        (await _client.GetAsync(proxy.Serving)).Dispose();
        using var tagged = new HttpRequestMessage(HttpMethod.Get, new Uri(proxy.Serving, "bad"))
        {
            Headers = { { "Knative-Serving-Tag", "blue" } },
        };
        (await _client.SendAsync(tagged)).Dispose();

        await Eventually.HoldsAsync(async () =>
        {
            var text = await _client.GetStringAsync(new Uri(proxy.UserMetrics, "metrics"));
            text.Should()
                .Contain("kn_serving_invocation_duration_seconds_count{http_response_status_code=\"200\"} 2")
                .And.Contain("kn_serving_invocation_duration_seconds_count{http_response_status_code=\"500\"} 1")
                .And.Contain("kn_serving_queue_depth 0\n", "nothing runs or waits");
            text.Should()
                .MatchRegex(
                    "http_server_request_duration_seconds_count{[^}]*http_response_status_code=\"500\"[^}]*kn_route_tag=\"blue\"[^}]*} 1\n"
                )
                .And.MatchRegex("http_server_request_duration_seconds_count{[^}]*kn_route_tag=\"kn:disabled\"[^}]*} 2\n");
        });
    }

    [Test]
    public async Task OpenMetrics_has_the_revision_the_queue_and_the_traces_of_requests()
    {
        var release = new TaskCompletionSource();
        await using var user = await TestServer.StartAsync(_ => release.Task);
        await using var collector = await TestServer.StartAsync(static _ => Task.CompletedTask);
        using var proxy = await StartAsync(
            user,
            new ServingObservability
            {
                RequestMetricsProtocol = "prometheus",
                TracingProtocol = "http/protobuf",
                TracingEndpoint = $"http://{collector.Address}/v1/traces",
                TracingSamplingRate = 1,
            },
            ("CONTAINER_CONCURRENCY", "1"),
            ("SERVING_SERVICE", "hello")
        );
        using var request = new HttpRequestMessage(HttpMethod.Get, proxy.Serving);
        request.Headers.Add("traceparent", $"00-{TraceId}-b7ad6b7169203331-01");

        // One runs and ten wait: the last is refused.
        var answers = Enumerable.Range(0, 11).Select(_ => _client.GetAsync(proxy.Serving)).Append(_client.SendAsync(request)).ToList();
        await Eventually.HoldsAsync(async () => (await ScrapeAsync()).Sum("kn_serving_queue_rejected_total").Should().Be(1));
        (await ScrapeAsync()).Sum("kn_serving_queue_depth").Should().Be(11, "one runs and ten wait");
        release.SetResult();
        foreach (var answer in await Task.WhenAll(answers))
            answer.Dispose();

        await Eventually.HoldsAsync(async () =>
        {
            var read = await ScrapeAsync();
            read.Sum("kn_serving_queue_wait_duration_seconds_count").Should().Be(11);
            read.Samples.Keys.Should().Contain("kn_serving_queue_wait_duration_seconds_bucket{le=\"0.0005\"}");
            read.Samples["kn_serving_queue_depth"].Should().Be(0);
            read.Sum("kn_serving_invocation_duration_seconds_count", ("http_response_status_code", "200")).Should().Be(11);
            read.Sum("target_info", ("kn_revision_name", "rev"), ("kn_service_name", "hello"), ("k8s_namespace_name", "ns")).Should().Be(1);
            read.Exemplars.Should()
                .Contain(exemplar =>
                    exemplar.Sample.StartsWith("http_server_request_duration_seconds_bucket", StringComparison.Ordinal)
                    && exemplar.Labels["trace_id"].Length == 32
                    && exemplar.Labels["span_id"].Length == 16
                );
        });

        async Task<MetricsText> ScrapeAsync()
        {
            using var scrape = new HttpRequestMessage(HttpMethod.Get, new Uri(proxy.UserMetrics, "metrics"));
            scrape.Headers.TryAddWithoutValidation(
                "Accept",
                "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3"
            );
            using var response = await _client.SendAsync(scrape);
            response.Content.Headers.ContentType!.MediaType.Should().Be("application/openmetrics-text");
            return MetricsText.Read(await response.Content.ReadAsStringAsync(), openMetrics: true);
        }
    }

    [Test]
    public async Task A_client_that_leaves_before_the_response_is_499_in_metrics_and_log()
    {
        await using var user = await TestServer.StartAsync(static context => Task.Delay(Timeout.Infinite, context.RequestAborted));
        using var proxy = await StartAsync(
            user,
            new ServingObservability
            {
                RequestMetricsProtocol = "prometheus",
                LoggingEnableRequestLog = true,
                LoggingRequestLogTemplate = "{{.Response.Code}}",
            },
            ("CONTAINER_CONCURRENCY", "1")
        );
        using var leaves = new CancellationTokenSource();

        // One runs, and one waits in the queue.
        Task[] requests = [_client.GetAsync(proxy.Serving, leaves.Token), _client.GetAsync(proxy.Serving, leaves.Token)];
        await Eventually.HoldsAsync(async () => (await ScrapeAsync()).Should().Contain("kn_serving_queue_depth 2\n"));
        await leaves.CancelAsync();
        await FluentActions.Awaiting(() => Task.WhenAll(requests)).Should().ThrowAsync<OperationCanceledException>();

        await Eventually.HoldsAsync(async () =>
        {
            var text = await ScrapeAsync();
            text.Should().MatchRegex("http_server_request_duration_seconds_count{[^}]*http_response_status_code=\"499\"[^}]*} 2\n");
            text.Should().Contain("kn_serving_invocation_duration_seconds_count{http_response_status_code=\"499\"} 1\n");
            text.Should().NotContain("http_response_status_code=\"200\"").And.NotContain("http_response_status_code=\"502\"");
            proxy.Output.Should().Equal("499", "499");
        });

        Task<string> ScrapeAsync() => _client.GetStringAsync(new Uri(proxy.UserMetrics, "metrics"));
    }

    [Test]
    public async Task Nobody_listens_for_scrapes_when_metrics_are_off()
    {
        await using var user = await TestServer.StartAsync(static _ => Task.CompletedTask);
        using var proxy = await StartAsync(user, new ServingObservability());

        await FluentActions.Awaiting(() => _client.GetAsync(proxy.UserMetrics)).Should().ThrowAsync<HttpRequestException>();
    }

    [Test]
    public async Task Sends_traces_and_metrics_to_a_collector_and_hands_the_trace_on()
    {
        var received = new ConcurrentDictionary<string, string>();
        await using var collector = await TestServer.StartAsync(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            received.AddOrUpdate(
                context.Request.Path.Value!,
                Encoding.Latin1.GetString(body.ToArray()),
                (_, before) => before + Encoding.Latin1.GetString(body.ToArray())
            );
        });
        var parents = new ConcurrentQueue<string>();
        await using var user = await TestServer.StartAsync(context =>
        {
            parents.Enqueue(context.Request.Headers.TraceParent.ToString());
            return Task.CompletedTask;
        });
        using var proxy = await StartAsync(
            user,
            new ServingObservability
            {
                TracingProtocol = "http/protobuf",
                TracingEndpoint = $"http://{collector.Address}/v1/traces",
                TracingSamplingRate = 1,
                RequestMetricsProtocol = "http/protobuf",
                RequestMetricsEndpoint = $"http://{collector.Address}/v1/metrics",
            },
            ("CONTAINER_CONCURRENCY", "1"),
            ("SERVING_SERVICE", "hello")
        );
        using var request = new HttpRequestMessage(HttpMethod.Get, proxy.Serving);
        request.Headers.Add("traceparent", $"00-{TraceId}-b7ad6b7169203331-01");
        (await _client.SendAsync(request)).Dispose();

        await proxy.TerminateAsync();
        (await proxy.ExitCodeAsync()).Should().Be(0);

        parents.Should().ContainSingle().Which.Should().StartWith($"00-{TraceId}-").And.NotContain("b7ad6b7169203331").And.EndWith("-01");
        received["/v1/traces"]
            .Should()
            .Contain("kn.queueproxy.proxy")
            .And.Contain("kn.queueproxy.wait")
            .And.Contain("kn.service.name")
            .And.Contain("hello")
            .And.Contain(Encoding.Latin1.GetString(Convert.FromHexString(TraceId)));
        received["/v1/metrics"].Should().Contain("kn.serving.invocation.duration").And.Contain("kn.serving.queue.depth");
    }

    [TestCase("http/protobuf")]
    [TestCase("grpc")]
    public async Task Its_spans_are_one_trace_from_the_caller_to_the_program(string protocol)
    {
        await using var collector = await OtlpReceiver.StartAsync();
        var parents = new ConcurrentQueue<(string W3C, string B3)>();
        await using var user = await TestServer.StartAsync(context =>
        {
            parents.Enqueue((context.Request.Headers.TraceParent.ToString(), context.Request.Headers["b3"].ToString()));
            context.Response.StatusCode = 500;
            return Task.CompletedTask;
        });
        using var proxy = await StartAsync(
            user,
            new ServingObservability
            {
                TracingProtocol = protocol,
                TracingEndpoint = collector.Endpoint(protocol, "traces"),
                TracingSamplingRate = 0.5,
            },
            ("CONTAINER_CONCURRENCY", "1"),
            ("SERVING_SERVICE", "hello")
        );
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(proxy.Serving, "a?b=c"));
        request.Headers.Add("b3", $"{TraceId}-b7ad6b7169203331-1");
        (await _client.SendAsync(request)).Dispose();
        using var refused = new HttpRequestMessage(HttpMethod.Get, proxy.Serving);
        refused.Headers.Add("b3", "0");
        (await _client.SendAsync(refused)).Dispose();
        await proxy.TerminateAsync();
        (await proxy.ExitCodeAsync()).Should().Be(0);

        collector.Spans.Should().OnlyContain(static span => span.TraceId == TraceId && span.Service == "hello");
        var spans = collector.Spans.ToDictionary(static span => span.Name);
        spans.Keys.Should().BeEquivalentTo("queue", "kn.queueproxy.proxy", "kn.queueproxy.wait", "HTTP GET");
        spans["queue"].ParentId.Should().Be("b7ad6b7169203331");
        spans["queue"].Span.Kind.Should().Be(ReceivedSpan.Server);
        spans["queue"].Span.Status.Code.Should().Be(ReceivedSpan.Error);
        spans["queue"]
            .Attributes.Should()
            .Contain("http.response.status_code", "500")
            .And.Contain("url.path", "/a")
            .And.Contain("kn.route.tag", "kn:disabled");
        spans["kn.queueproxy.proxy"].ParentId.Should().Be(spans["queue"].Id);
        spans["kn.queueproxy.wait"].ParentId.Should().Be(spans["kn.queueproxy.proxy"].Id);
        spans["HTTP GET"].ParentId.Should().Be(spans["kn.queueproxy.proxy"].Id);
        spans["HTTP GET"].Span.Kind.Should().Be(ReceivedSpan.Client);
        var program = spans["HTTP GET"].Id;
        parents.Should().Equal(($"00-{TraceId}-{program}-01", $"{TraceId}-{program}-1-{spans["kn.queueproxy.proxy"].Id}"), ("", "0"));
    }

    [Test]
    public async Task Writes_its_spans_as_lines_where_it_is_told_to()
    {
        await using var user = await TestServer.StartAsync(static _ => Task.CompletedTask);
        using var proxy = await StartAsync(user, new ServingObservability { TracingProtocol = "stdout" }, ("SERVING_SERVICE", "hello"));
        using var request = new HttpRequestMessage(HttpMethod.Get, proxy.Serving);
        request.Headers.Add("traceparent", $"00-{TraceId}-b7ad6b7169203331-01");
        (await _client.SendAsync(request)).Dispose();
        await proxy.TerminateAsync();
        (await proxy.ExitCodeAsync()).Should().Be(0);

        var spans = new Dictionary<string, JsonNode>();
        await Eventually.HoldsAsync(() =>
        {
            spans = proxy.Output.Select(static line => JsonNode.Parse(line)!).ToDictionary(static span => Text(span["Name"]));
            spans.Keys.Should().BeEquivalentTo("queue", "kn.queueproxy.proxy", "HTTP GET");
        });
        var queue = spans["queue"];
        Text(queue["SpanContext"]!["TraceID"]).Should().Be(TraceId);
        Text(queue["Parent"]!["SpanID"]).Should().Be("b7ad6b7169203331");
        queue["Parent"]!["Remote"]!.GetValue<bool>().Should().BeTrue();
        queue["SpanKind"]!.GetValue<int>().Should().Be(2);
        Attributes(queue["Attributes"]!).Should().Contain("http.response.status_code", ("INT64", "200"));
        Attributes(queue["Resource"]!).Should().Contain("service.name", ("STRING", "hello"));
        Text(spans["kn.queueproxy.proxy"]["Parent"]!["SpanID"]).Should().Be(Text(queue["SpanContext"]!["SpanID"]));

        static string Text(JsonNode? node) => node!.GetValue<string>();
        static Dictionary<string, (string Type, string Value)> Attributes(JsonNode list) =>
            list.AsArray()
                .ToDictionary(
                    static one => Text(one!["Key"]),
                    static one => (Text(one!["Value"]!["Type"]), one["Value"]!["Value"]!.ToString())
                );
    }

    [TestCase("http/protobuf")]
    [TestCase("grpc")]
    public async Task Exports_its_log_lines_too_where_it_is_told_to(string protocol)
    {
        await using var collector = await OtlpReceiver.StartAsync();
        await using var user = await TestServer.StartAsync(static _ => Task.CompletedTask);
        using var proxy = await StartAsync(
            user,
            new ServingObservability
            {
                LoggingProtocol = protocol,
                LoggingEndpoint = collector.Endpoint(protocol, "logs"),
                LoggingEnableRequestLog = true,
                LoggingRequestLogTemplate = "{{",
            },
            ("SERVING_SERVICE", "hello")
        );
        await proxy.TerminateAsync();
        (await proxy.ExitCodeAsync()).Should().Be(0);

        var line = proxy.Errors.Should().ContainSingle(static one => one.Contains("The request log is disabled")).Which;
        collector
            .Records.Should()
            .Contain(log => log.Service == "hello" && log.Text.Contains("The request log is disabled") && line.Contains("ERROR"));
    }

    [Test]
    public async Task Says_which_endpoint_of_logs_is_wrong_and_ends()
    {
        using var proxy = QueueProxyProcess.Start(
            1,
            (
                "OBSERVABILITY_CONFIG",
                QueueObservability.Encode(new ServingObservability { LoggingProtocol = "grpc", LoggingEndpoint = "http://[" })
            )
        );

        (await proxy.ExitCodeAsync()).Should().Be(1);
        await Eventually.HoldsAsync(() =>
            proxy.Errors.Should().Contain(static line => line.Contains("OBSERVABILITY_CONFIG") && line.Contains("\"http://[\""))
        );
    }

    [TestCase("grpc")]
    [TestCase("http/protobuf")]
    public async Task Serves_the_program_when_a_variable_of_the_exporters_is_wrong(string protocol)
    {
        await using var user = await TestServer.StartAsync(static context => context.Response.WriteAsync("served"));
        using var proxy = await StartAsync(
            user,
            new ServingObservability
            {
                RequestMetricsProtocol = protocol,
                RequestMetricsEndpoint = "https://127.0.0.1:1",
                TracingProtocol = protocol,
                TracingEndpoint = "https://127.0.0.1:1",
                LoggingProtocol = protocol,
                LoggingEndpoint = "https://127.0.0.1:1",
            },
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such/file.pem")
        );

        (await _client.GetStringAsync(proxy.Serving)).Should().Be("served");
    }

    private async Task<QueueProxyProcess> StartAsync(
        TestServer user,
        ServingObservability observability,
        params (string Name, string Value)[] variables
    )
    {
        var proxy = QueueProxyProcess.Start(
            user.EndPoint.Port,
            [("OBSERVABILITY_CONFIG", QueueObservability.Encode(observability)), .. variables]
        );
        await proxy.ReadyAsync(_client);
        return proxy;
    }
}
