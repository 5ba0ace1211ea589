using System.Diagnostics;
using System.Net;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Dataplane.Tracing;
using Serving.Networking.Gateway;
using Serving.Tests.Support;

namespace Serving.Tests.Networking.Gateway;

public sealed class GatewayTracingTests
{
    private const string Caller = "b7ad6b7169203331";

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, ActivityHeadersPropagator = null });
    private readonly TraceSampling _sampling = new();
    private readonly LocalActivator _activator = new();
    private RecordedSpans _spans = null!;
    private RunningGateway _gateway = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _spans = new RecordedSpans();
        _sampling.Rate = 0.5;
        _gateway = await RunningGateway.StartAsync(_activator, RunningGateway.Options with { Tracing = _sampling });
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _gateway.DisposeAsync();
        _spans.Dispose();
    }

    [OneTimeTearDown]
    public void DisposeClient() => _http.Dispose();

    [Test]
    public async Task A_request_is_a_span_of_the_gateway_and_one_per_attempt_and_the_backend_is_below_it()
    {
        var received = "";
        await _gateway.RouteAsync(
            "shop.test",
            context =>
            {
                received = context.Request.Headers.TraceParent.ToString();
                context.Response.StatusCode = 503;
                return Task.CompletedTask;
            }
        );

        var trace = await SendAsync("shop.test", "/a?secret=1");

        var (proxy, gateway) = await TwoSpansAsync(trace);
        gateway.Kind.Should().Be(ActivityKind.Server);
        gateway.ParentSpanId.ToHexString().Should().Be(Caller);
        gateway.Status.Should().Be(ActivityStatusCode.Error);
        TagsOf(gateway)
            .Should()
            .Contain("url.path", "/a")
            .And.Contain("http.request.method", "GET")
            .And.Contain("http.response.status_code", 503)
            .And.Contain("server.address", "shop.test")
            .And.Contain("network.protocol.version", "1.1")
            .And.Contain("network.peer.address", "127.0.0.1")
            .And.Contain("kn.gateway.listener", "external")
            .And.Contain("k8s.namespace.name", "default")
            .And.Contain("kn.revision.name", "shop");
        (proxy.OperationName, proxy.Kind, proxy.ParentSpanId).Should().Be(("gateway_proxy", ActivityKind.Client, gateway.SpanId));
        received.Should().Be($"00-{trace}-{proxy.SpanId}-01");
    }

    [Test]
    public async Task A_request_without_a_route_is_a_span_too()
    {
        var trace = await SendAsync("nowhere.test", "/");

        await Eventually.HoldsAsync(() => _spans.Of(trace).Should().ContainSingle());
        TagsOf(_spans.Of(trace)[0]).Should().Contain("http.response.status_code", 404).And.NotContainKey("kn.revision.name");
        _spans.Of(trace)[0].Status.Should().Be(ActivityStatusCode.Unset);
    }

    [Test]
    public async Task Another_attempt_is_another_span_and_an_event()
    {
        var dead = new IPEndPoint(IPAddress.Loopback, FreePorts.Next());
        var backend = await _gateway.BackendAsync(static _ => Task.CompletedTask);
        _gateway.Cluster.PutService("flaky");
        _gateway.Cluster.PutEndpoints("flaky", backend.Endpoints[0], dead);
        _gateway.Cluster.PutIngress("flaky", Cluster.Rule("flaky.test", Cluster.To("flaky")));
        await _gateway.RoutedAsync("flaky");

        // The dead endpoint is tried first by about every second request, until it is avoided.
        var all = new List<Activity>();
        await Eventually.HoldsAsync(async () =>
        {
            var trace = await SendAsync("flaky.test", "/");
            await Eventually.HoldsAsync(() => _spans.Of(trace).Should().Contain(static span => span.OperationName == "gateway"));
            _spans.Of(trace).Should().HaveCount(3);
            all.AddRange(_spans.Of(trace));
        });

        all.Select(static span => span.OperationName).Should().Equal("gateway_proxy", "gateway_proxy", "gateway");
        TagsOf(all[0]).Should().Contain("error.type", "not_connected").And.Contain("server.port", dead.Port);
        TagsOf(all[1]).Should().Contain("http.request.resend_count", 1).And.Contain("http.response.status_code", 200);
        all[2].Status.Should().Be(ActivityStatusCode.Unset);
        all[2].Events.Should().ContainSingle().Which.Tags.Should().Contain(new KeyValuePair<string, object?>("reason", "not_connected"));
    }

    [Test]
    public async Task The_activator_of_the_process_finds_the_span_of_the_gateway()
    {
        _gateway.Cluster.PutService("held");
        _gateway.Cluster.PutEndpoints("held", new IPEndPoint(_activator.Address, 8012));
        _gateway.Cluster.PutIngress("held", Cluster.Rule("held.test", Cluster.To("held")));
        await _gateway.RoutedAsync("held");

        var trace = await SendAsync("held.test", "/");

        await Eventually.HoldsAsync(() => _spans.Of(trace).Should().ContainSingle());
        _activator.Current!.SpanId.Should().Be(_spans.Of(trace)[0].SpanId);
    }

    [Test]
    public async Task The_rate_follows_changes_and_off_means_untouched()
    {
        var received = "";
        await _gateway.RouteAsync(
            "live.test",
            context =>
            {
                received = context.Request.Headers.TraceParent.ToString();
                return Task.CompletedTask;
            }
        );

        _sampling.Rate = 0;
        var trace = await SendAsync("live.test", "/");
        received.Should().Be($"00-{trace}-{Caller}-01");
        _spans.Of(trace).Should().BeEmpty();

        _sampling.Rate = 1;
        trace = await SendAsync("live.test", "/");
        received.Should().StartWith($"00-{trace}-").And.NotContain(Caller);
        await TwoSpansAsync(trace);
    }

    private static Dictionary<string, object?> TagsOf(Activity span) => span.TagObjects.ToDictionary(StringComparer.Ordinal);

    private async Task<(Activity Proxy, Activity Gateway)> TwoSpansAsync(string trace)
    {
        await Eventually.HoldsAsync(() =>
            _spans.Of(trace).Select(static span => span.OperationName).Should().Equal("gateway_proxy", "gateway")
        );
        return (_spans.Of(trace)[0], _spans.Of(trace)[1]);
    }

    /// <summary>Sends a request in a new sampled trace, and returns the id of the trace.</summary>
    private async Task<string> SendAsync(string host, string target)
    {
        var trace = ActivityTraceId.CreateRandom().ToHexString();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"http://{_gateway.External}{target}"));
        request.Headers.Host = host;
        request.Headers.Add("traceparent", $"00-{trace}-{Caller}-01");
        using var response = await _http.SendAsync(request);
        return trace;
    }

    private sealed class LocalActivator : ILocalActivator
    {
        public IPAddress Address { get; } = IPAddress.Parse("127.0.0.77");

        public Activity? Current { get; private set; }

        public ValueTask HandleAsync(HttpContext context, string ns, string revision)
        {
            Current = Activity.Current;
            return ValueTask.CompletedTask;
        }
    }
}
