using System.Collections.Concurrent;
using System.Text;
using System.Text.Json.Nodes;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Controller.Revisions.Resources;
using Serving.Tests.Dataplane;
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
                .And.Contain("kn_serving_queue_depth 1\n");
            text.Should()
                .MatchRegex(
                    "http_server_request_duration_seconds_count{[^}]*http_response_status_code=\"500\"[^}]*kn_route_tag=\"blue\"[^}]*} 1\n"
                )
                .And.MatchRegex("http_server_request_duration_seconds_count{[^}]*kn_route_tag=\"kn:disabled\"[^}]*} 2\n");
        });
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
