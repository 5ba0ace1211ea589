using System.Diagnostics;
using System.Net;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using NUnit.Framework;
using Serving.Activator;
using Serving.Activator.Statistics;
using Serving.Api;
using Serving.Api.Knative;
using Serving.Dataplane.Tracing;
using Serving.Kubernetes.Hosting;
using Serving.Tests.Dataplane;
using Serving.Tests.Support;

namespace Serving.Tests.Activator;

public sealed class ActivatorTracingTests
{
    private const string Caller = "b7ad6b7169203331";

    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false, ActivityHeadersPropagator = null });
    private IRequestStatSink _sink = null!;
    private RecordedSpans _spans = null!;
    private InMemoryCluster _cluster = null!;
    private ActivatorModule _activator = null!;
    private CancellationTokenSource _stop = null!;
    private Task _running = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _spans = new RecordedSpans("Serving.Activator");
        _cluster = new InMemoryCluster();
        _stop = new CancellationTokenSource();
        _activator = new ActivatorModule(
            new ActivatorOptions(IPAddress.Loopback)
            {
                HttpPort = 0,
                H2cPort = 0,
                QueueDepth = 1,
                DrainDelay = TimeSpan.Zero,
                Tracing = new TraceSampling(0.5),
            },
            new ClusterEnvironment("knative-serving", "cluster.local", "activator-1", IPAddress.Loopback),
            _cluster,
            _sink = Substitute.For<IRequestStatSink>(),
            NullLoggerFactory.Instance,
            TimeProvider.System
        );
        _running = _activator.RunAsync(_cluster, _stop.Token);
        await Eventually.HoldsAsync(() => _activator.Endpoints.Should().NotBeEmpty());
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _activator.Dispose();
        _stop.Dispose();
        _spans.Dispose();
    }

    [OneTimeTearDown]
    public void DisposeClient() => _client.Dispose();

    [Test]
    public async Task A_request_waits_and_is_forwarded_in_spans_below_that_of_its_caller()
    {
        var received = "";
        await using var pod = await FakePod.StartAsync(context =>
        {
            received = context.Request.Headers.TraceParent.ToString();
            return Task.CompletedTask;
        });
        PutRevision();
        var trace = ActivityTraceId.CreateRandom().ToHexString();
        var response = SendAsync(trace);
        await Eventually.HoldsAsync(() => Reports().Should().NotBeEmpty());
        _cluster.Put(Resources.Pods, pod.Object("pod-1"));
        (await response).Should().Be(HttpStatusCode.OK);

        await Eventually.HoldsAsync(() =>
            _spans.Of(trace).Select(static span => span.OperationName).Should().Equal("throttler_try", "activator_proxy", "handle")
        );
        var (wait, proxy, handle) = (_spans.Of(trace)[0], _spans.Of(trace)[1], _spans.Of(trace)[2]);
        handle.Kind.Should().Be(ActivityKind.Server);
        handle.ParentSpanId.ToHexString().Should().Be(Caller);
        wait.ParentSpanId.Should().Be(handle.SpanId);
        proxy.ParentSpanId.Should().Be(handle.SpanId);
        wait.Duration.Should().BePositive().And.BeLessThan(handle.Duration);
        received.Should().Be($"00-{trace}-{proxy.SpanId}-01");
        handle
            .TagObjects.ToDictionary()
            .Should()
            .Contain("k8s.namespace.name", "ns")
            .And.Contain("kn.revision.name", "rev")
            .And.Contain("kn.service.name", "svc")
            .And.Contain("kn.configuration.name", "conf")
            .And.Contain("http.response.status_code", 200);
    }

    [Test]
    public async Task A_request_of_the_gateway_in_the_process_is_below_its_span_without_a_hop()
    {
        await using var pod = await FakePod.StartAsync();
        PutRevision();
        _cluster.Put(Resources.Pods, pod.Object("pod-1"));
        using var source = new ActivitySource("Serving.Activator.Test");
        Activity? span = null;
        await using var gateway = await TestServer.StartAsync(async context =>
        {
            using var own = span = source.StartActivity("gateway", ActivityKind.Server);
            await _activator.HandleAsync(context, "ns", "rev");
        });
        (await _client.GetAsync(new Uri($"http://{gateway.Address}"))).Dispose();

        await Eventually.HoldsAsync(() => _spans.Of(span!.TraceId.ToHexString()).Should().HaveCount(4));
        var handle = _spans.Of(span!.TraceId.ToHexString()).Single(static one => one.OperationName == "handle");
        (handle.Kind, handle.Parent).Should().Be((ActivityKind.Internal, span));
    }

    [Test]
    public async Task A_full_queue_is_an_error_of_the_wait()
    {
        PutRevision();
        using var cancelled = new CancellationTokenSource();
        var first = SendAsync(ActivityTraceId.CreateRandom().ToHexString(), cancelled.Token);
        await Eventually.HoldsAsync(() => Reports().Should().NotBeEmpty());
        var trace = ActivityTraceId.CreateRandom().ToHexString();

        (await SendAsync(trace)).Should().Be(HttpStatusCode.ServiceUnavailable);

        await Eventually.HoldsAsync(() => _spans.Of(trace).Should().HaveCount(2));
        _spans.Of(trace).Select(static span => span.Status).Should().AllBeEquivalentTo(ActivityStatusCode.Error);
        await cancelled.CancelAsync();
        await FluentActions.Awaiting(() => first).Should().ThrowAsync<OperationCanceledException>();
    }

    private IEnumerable<object?> Reports() =>
        _sink.ReceivedCalls().Where(static call => call.GetMethodInfo().Name == nameof(IRequestStatSink.Report));

    private void PutRevision() =>
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
                Spec = new() { TimeoutSeconds = 30, Containers = [new() { Name = "user-container" }] },
            }
        );

    private async Task<HttpStatusCode> SendAsync(string trace, CancellationToken cancellation = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"http://{_activator.Endpoints[0]}/"));
        request.Headers.Host = "hello.example";
        request.Headers.Add("Knative-Serving-Namespace", "ns");
        request.Headers.Add("Knative-Serving-Revision", "rev");
        request.Headers.Add("traceparent", $"00-{trace}-{Caller}-01");
        using var response = await _client.SendAsync(request, cancellation);
        return response.StatusCode;
    }
}
