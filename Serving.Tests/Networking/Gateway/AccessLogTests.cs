using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Networking.Gateway.Telemetry;
using Serving.Observability.Metrics;
using Serving.Observability.Requests;
using Serving.Tests.Support;

namespace Serving.Tests.Networking.Gateway;

public sealed class AccessLogTests
{
    private const string Template =
        """{"host":"{{.Request.Host}}","method":"{{.Request.Method}}","uri":"{{.Request.RequestURI}}","status":{{.Response.Code}},"size":{{.Response.Size}},"ns":"{{.Revision.Namespace}}","revision":"{{.Revision.Name}}","ingress":"{{.Route.Namespace}}/{{.Route.Ingress}}","listener":"{{.Route.Listener}}","backend":"{{.Backend.Address}}","retries":{{.Backend.Retries}},"trace":"{{.TraceID}}"}""";

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false });
    private MemoryStream _output = null!;
    private RequestLog _log = null!;
    private RunningGateway _gateway = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _output = new MemoryStream();
        _log = new RequestLog(Stream.Synchronized(_output), "gateway");
        _gateway = await RunningGateway.StartAsync(accessLog: _log);
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _gateway.DisposeAsync();
        _log.Dispose();
    }

    [OneTimeTearDown]
    public void DisposeClient() => _http.Dispose();

    [Test]
    public async Task Each_request_is_one_line_with_its_route_backend_and_trace()
    {
        _log.SetTemplate(Template);
        var backend = await _gateway.BackendAsync(static context =>
        {
            context.Response.StatusCode = 201;
            return context.Response.WriteAsync("hello");
        });
        _gateway.Cluster.PutService("shop");
        _gateway.Cluster.PutEndpoints("shop", backend.Endpoints[0]);
        _gateway.Cluster.PutIngress("shop", Cluster.Rule("shop.test", Cluster.To("shop")));
        await _gateway.RoutedAsync("shop");

        await SendAsync("shop.test", "/a%2Fb?c=d", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        await SendAsync("nowhere.test", "/");

        var lines = await LinesAsync(2);
        lines[0]!
            .ToJsonString()
            .Should()
            .Be(
                $$"""{"host":"shop.test","method":"GET","uri":"/a%2Fb?c=d","status":201,"size":5,"ns":"default","revision":"shop","ingress":"default/shop","listener":"external","backend":"{{backend.Endpoints[0]}}","retries":0,"trace":"0af7651916cd43dd8448eb211c80319c"}"""
            );
        lines[1]!["status"]!.GetValue<int>().Should().Be(404);
        lines[1]!["ingress"]!.GetValue<string>().Should().Be("/");
        lines[1]!["backend"]!.GetValue<string>().Should().BeEmpty();
    }

    [Test]
    public async Task Retries_are_counted_and_the_last_endpoint_is_named()
    {
        _log.SetTemplate(Template);
        var backend = await _gateway.BackendAsync(static _ => Task.CompletedTask);
        var dead = new IPEndPoint(IPAddress.Loopback, FreePorts.Next());
        _gateway.Cluster.PutService("flaky");
        _gateway.Cluster.PutEndpoints("flaky", backend.Endpoints[0], dead);
        _gateway.Cluster.PutIngress("flaky", Cluster.Rule("flaky.test", Cluster.To("flaky")));
        await _gateway.RoutedAsync("flaky");

        for (var i = 0; i < 20; i++)
            await SendAsync("flaky.test", "/");

        var lines = await LinesAsync(20);
        lines.Should().OnlyContain(line => line!["status"]!.GetValue<int>() == 200);
        lines.Should().OnlyContain(line => line!["backend"]!.GetValue<string>() == backend.Endpoints[0].ToString());
        lines.Should().Contain(line => line!["retries"]!.GetValue<int>() > 0);
    }

    [Test]
    public async Task It_is_off_without_a_template_and_follows_changes()
    {
        await _gateway.RouteAsync("hello.test", static context => context.Response.WriteAsync("hello"));
        await SendAsync("hello.test", "/off");
        _log.SetTemplate("{{.Request.RequestURI}}");
        await SendAsync("hello.test", "/on");
        await Eventually.HoldsAsync(() => Text().Should().Be("/on\n"));
        _log.SetTemplate("");
        await SendAsync("hello.test", "/off");
        _log.SetTemplate("again {{.Request.RequestURI}}");
        await SendAsync("hello.test", "/on");

        await Eventually.HoldsAsync(() => Text().Should().Be("/on\nagain /on\n"));
    }

    [Test]
    public async Task A_client_that_leaves_before_the_response_is_499_as_in_metrics()
    {
        using var exporter = new PrometheusExporter(GatewayMetrics.MeterName);
        _log.SetTemplate("{{.Response.Code}}");
        var arrived = new TaskCompletionSource();
        var backend = await _gateway.BackendAsync(context =>
        {
            arrived.TrySetResult();
            return Task.Delay(Timeout.Infinite, context.RequestAborted);
        });
        _gateway.Cluster.PutService("slow");
        _gateway.Cluster.PutEndpoints("slow", backend.Endpoints[0]);
        _gateway.Cluster.PutIngress("slow", Cluster.Rule("slow.test", Cluster.To("slow")));
        await _gateway.RoutedAsync("slow");
        using var leaves = new CancellationTokenSource();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{_gateway.External}/") { Headers = { Host = "slow.test" } };
        var answer = _http.SendAsync(request, leaves.Token);
        await arrived.Task;

        await leaves.CancelAsync();
        await FluentActions.Awaiting(() => answer).Should().ThrowAsync<OperationCanceledException>();

        await Eventually.HoldsAsync(() =>
        {
            Text().Should().Be("499\n");
            exporter
                .Render()
                .Should()
                .MatchRegex("kn_gateway_request_duration_seconds_count{[^}]*http_response_status_code=\"499\"[^}]*} 1\n");
        });
    }

    [Test]
    public void A_slow_output_delays_no_request_and_dropped_lines_are_counted()
    {
        using var metrics = new CollectedMetrics(DroppedLines.MeterName);
        using var stuck = new StuckStream();
        using var log = new RequestLog(stuck, "stuck");
        log.SetTemplate("{{.Response.Code}}");
        var context = new DefaultHttpContext();
        for (var i = 0; i < 5000; i++)
            log.Write(context, 200, 0, TimeSpan.Zero, new RequestLogRevision("", "", "", ""));

        metrics.Collect()["serving.request_log.dropped{log=stuck}"].Should().BeInRange(900, 904);
        stuck.Release();
    }

    private async Task SendAsync(string host, string target, string? trace = null)
    {
        using var request = new HttpRequestMessage(
            HttpMethod.Get,
            new Uri($"http://{_gateway.External}{target}", new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true })
        );
        request.Headers.Host = host;
        if (trace is not null)
            request.Headers.Add("traceparent", trace);
        using var response = await _http.SendAsync(request);
    }

    private string Text() => Encoding.UTF8.GetString(_output.ToArray());

    private async Task<JsonNode?[]> LinesAsync(int count)
    {
        string[] lines = [];
        await Eventually.HoldsAsync(() =>
        {
            lines = Text().Split('\n', StringSplitOptions.RemoveEmptyEntries);
            lines.Should().HaveCount(count);
        });
        return [.. lines.Select(static line => JsonNode.Parse(line))];
    }

    /// <summary>An output that takes nothing until it is released.</summary>
    private sealed class StuckStream : MemoryStream
    {
        private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Release() => _released.TrySetResult();

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            await _released.Task.WaitAsync(cancellationToken);
    }
}
