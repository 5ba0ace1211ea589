using System.Diagnostics;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Dataplane.Tracing;
using Serving.Dataplane.Upstreams;
using Serving.Tests.Support;

namespace Serving.Tests.Dataplane.Tracing;

public sealed class RequestTracerTests
{
    private const string Trace = "0af7651916cd43dd8448eb211c80319c";
    private const string Caller = "b7ad6b7169203331";

    private readonly string _source = $"Serving.Test.{Guid.NewGuid():N}";

    [Test]
    public async Task Headers_are_passed_on_unchanged_while_tracing_is_off()
    {
        using var spans = new RecordedSpans(_source);
        var headers = await ForwardAsync(
            rate: 0,
            ("traceparent", $"00-{Trace}-{Caller}-01"),
            ("tracestate", "a=b"),
            ("baggage", "c=d"),
            ("b3", $"{Trace}-{Caller}-1")
        );

        headers
            .Should()
            .Equal(
                new Dictionary<string, string>
                {
                    ["traceparent"] = $"00-{Trace}-{Caller}-01",
                    ["tracestate"] = "a=b",
                    ["baggage"] = "c=d",
                    ["b3"] = $"{Trace}-{Caller}-1",
                }
            );
        spans.All.Should().BeEmpty();
    }

    [Test]
    public async Task Without_an_exporter_nothing_is_created_whatever_the_rate()
    {
        var headers = await ForwardAsync(rate: 1, ("traceparent", $"00-{Trace}-{Caller}-01"));

        headers["traceparent"].Should().Be($"00-{Trace}-{Caller}-01");
    }

    [Test]
    public async Task A_trace_goes_on_with_its_state_and_the_receiver_is_below_the_attempt()
    {
        using var spans = new RecordedSpans(_source);
        var headers = await ForwardAsync(rate: 0.5, ("traceparent", $"00-{Trace}-{Caller}-01"), ("tracestate", "a=b"), ("baggage", "c=d"));

        var of = spans.Of(Trace);
        of.Select(static span => span.OperationName).Should().Equal("send", "serve");
        var (send, serve) = (of[0], of[1]);
        (serve.Kind, send.Kind).Should().Be((ActivityKind.Server, ActivityKind.Client));
        serve.ParentSpanId.ToHexString().Should().Be(Caller);
        serve.HasRemoteParent.Should().BeTrue();
        send.ParentSpanId.Should().Be(serve.SpanId);
        headers["traceparent"].Should().Be($"00-{Trace}-{send.SpanId}-01");
        headers["tracestate"].Should().Be("a=b");
        headers["baggage"].Should().Be("c=d");
        headers.Should().NotContainKeys("b3", "X-B3-TraceId");
    }

    [Test]
    public async Task A_trace_that_starts_here_has_a_root_without_parent()
    {
        using var outer = new Activity("an unrelated span").Start();
        using var spans = new RecordedSpans(_source);
        var headers = await ForwardAsync(rate: 1, ("tracestate", "of=nobody"));

        var serve = spans.All.Single(static span => span.OperationName == "serve");
        serve.ParentSpanId.Should().Be(default(ActivitySpanId));
        serve.Parent.Should().BeNull();
        serve.TraceId.Should().NotBe(outer.TraceId);
        headers["traceparent"].Should().StartWith($"00-{serve.TraceId}-").And.EndWith("-01");
        headers.Should().NotContainKey("tracestate");
    }

    [TestCase(0.5)]
    [TestCase(0.001)]
    public async Task The_decision_of_the_caller_counts_between_none_and_all(double rate)
    {
        using var spans = new RecordedSpans(_source);
        for (var i = 0; i < 50; i++)
        {
            var refused = $"00-{Trace}-{Caller}-00";
            (await ForwardAsync(rate, ("traceparent", refused)))["traceparent"].Should().Be(refused);
            (await ForwardAsync(rate, ("b3", "0"))).Should().Equal(new Dictionary<string, string> { ["b3"] = "0" });
        }

        spans.All.Should().BeEmpty();
        for (var i = 0; i < 50; i++)
            await ForwardAsync(rate, ("traceparent", $"00-{Trace}-{Caller}-01"));

        spans.Of(Trace).Should().HaveCount(100);
    }

    [Test]
    public async Task At_rate_1_everything_is_traced_and_at_0_nothing_as_in_Knative()
    {
        using var spans = new RecordedSpans(_source);
        await ForwardAsync(rate: 0, ("traceparent", $"00-{Trace}-{Caller}-01"));
        spans.All.Should().BeEmpty();

        var headers = await ForwardAsync(rate: 1, ("traceparent", $"00-{Trace}-{Caller}-00"));

        spans.Of(Trace).Should().HaveCount(2);
        headers["traceparent"].Should().EndWith("-01");
    }

    [Test]
    public async Task Half_of_the_traces_that_start_here_are_recorded_and_the_others_are_marked_so_that_no_later_hop_records_them()
    {
        using var spans = new RecordedSpans(_source);
        var ids = new HashSet<string>();
        var recorded = 0;
        for (var i = 0; i < 2000; i++)
        {
            var header = (await ForwardAsync(rate: 0.5))["traceparent"];
            header.Should().MatchRegex("^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$");
            ids.Add(header[3..35]).Should().BeTrue();
            recorded += header.EndsWith("-01", StringComparison.Ordinal) ? 1 : 0;
        }

        // Further away than ten standard deviations would not be chance.
        recorded.Should().BeInRange(776, 1224);
        spans.All.Should().HaveCount(2 * recorded);
    }

    [Test]
    public async Task All_hops_decide_alike_when_the_caller_left_it_open()
    {
        using var spans = new RecordedSpans(_source);
        for (var i = 0; i < 200; i++)
        {
            var trace = ActivityTraceId.CreateRandom().ToHexString();
            var first = await ForwardAsync(rate: 0.5, ("b3", $"{trace}-{Caller}"));
            var second = await ForwardAsync(rate: 0.5, ("b3", $"{trace}-{Caller}"));

            var decision = spans.Of(trace).Count > 0 ? "1" : "0";
            spans.Of(trace).Should().HaveCount(decision == "1" ? 4 : 0);
            first["b3"].Split('-')[2].Should().Be(decision);
            second["b3"].Split('-')[2].Should().Be(decision);
        }
    }

    [Test]
    public async Task B3_in_one_header_goes_on_beside_W3C()
    {
        using var spans = new RecordedSpans(_source);
        var headers = await ForwardAsync(rate: 0.5, ("b3", $"{Trace}-{Caller}-1-05e3ac9a4f6e3b90"));

        var (send, serve) = (spans.Of(Trace)[0], spans.Of(Trace)[1]);
        serve.ParentSpanId.ToHexString().Should().Be(Caller);
        headers["b3"].Should().Be($"{Trace}-{send.SpanId}-1-{serve.SpanId}");
        headers["traceparent"].Should().Be($"00-{Trace}-{send.SpanId}-01");
        headers.Should().NotContainKey("X-B3-TraceId");
    }

    [Test]
    public async Task B3_in_several_headers_goes_on_beside_W3C()
    {
        using var spans = new RecordedSpans(_source);
        var headers = await ForwardAsync(
            rate: 0.5,
            ("X-B3-TraceId", "8448EB211C80319C"),
            ("X-B3-SpanId", Caller),
            ("X-B3-ParentSpanId", "05e3ac9a4f6e3b90"),
            ("X-B3-Sampled", "1")
        );

        const string Long = "00000000000000008448eb211c80319c";
        var (send, serve) = (spans.Of(Long)[0], spans.Of(Long)[1]);
        serve.ParentSpanId.ToHexString().Should().Be(Caller);
        headers
            .Should()
            .Equal(
                new Dictionary<string, string>
                {
                    ["X-B3-TraceId"] = Long,
                    ["X-B3-SpanId"] = send.SpanId.ToHexString(),
                    ["X-B3-ParentSpanId"] = serve.SpanId.ToHexString(),
                    ["X-B3-Sampled"] = "1",
                    ["traceparent"] = $"00-{Long}-{send.SpanId}-01",
                }
            );
    }

    [Test]
    public async Task Retries_are_events_of_the_request_and_attributes_of_the_attempt()
    {
        using var spans = new RecordedSpans(_source);
        using var tracer = new RequestTracer(_source, new TraceSampling(1));
        var results = new Queue<UpstreamResult>([UpstreamResult.NotConnected, UpstreamResult.Unsent, UpstreamResult.Done]);
        using var upstream = new TracedUpstream(new ScriptedUpstream(_ => results.Dequeue()), tracer, "send");
        var context = Request();
        await ServeAsync(
            tracer,
            context,
            async () =>
            {
                foreach (var address in new[] { "10.0.0.1:8012", "10.0.0.2:8012", "[fd00::1]:8012" })
                    await upstream.ForwardAsync(context, new UpstreamTarget(address, false), default);
            }
        );

        var sends = spans.All.Where(static span => span.OperationName == "send").ToList();
        sends.Select(static span => span.GetTagItem("http.request.resend_count")).Should().Equal(null, 1, 2);
        sends.Select(static span => span.GetTagItem("error.type")).Should().Equal("not_connected", "unsent", null);
        sends.Select(static span => span.GetTagItem("server.address")).Should().Equal("10.0.0.1", "10.0.0.2", "fd00::1");
        sends.Select(static span => span.GetTagItem("server.port")).Should().AllBeEquivalentTo(8012);
        sends
            .Select(static span => span.Status)
            .Should()
            .Equal(ActivityStatusCode.Error, ActivityStatusCode.Error, ActivityStatusCode.Unset);
        var serve = spans.All.Single(static span => span.OperationName == "serve");
        serve
            .Events.Select(static one => (one.Name, one.Tags.First().Value))
            .Should()
            .Equal(("retry", "not_connected"), ("retry", "unsent"));
    }

    [TestCase(200, ActivityStatusCode.Unset, ActivityStatusCode.Unset)]
    [TestCase(404, ActivityStatusCode.Unset, ActivityStatusCode.Error)]
    [TestCase(503, ActivityStatusCode.Error, ActivityStatusCode.Error)]
    public async Task Attributes_and_status_are_those_of_the_conventions(int status, ActivityStatusCode server, ActivityStatusCode client)
    {
        using var spans = new RecordedSpans(_source);
        using var tracer = new RequestTracer(_source, new TraceSampling(1));
        using var upstream = new TracedUpstream(
            new ScriptedUpstream(context =>
            {
                context.Response.StatusCode = status;
                return UpstreamResult.Done;
            }),
            tracer
        );
        var context = Request();
        context.Request.Method = "BREW";
        context.Request.Headers.UserAgent = "tester/1";
        await ServeAsync(
            tracer,
            context,
            () => upstream.ForwardAsync(context, new UpstreamTarget("10.0.0.1:8012", false), default).AsTask()
        );

        var (send, serve) = (spans.All.First(), spans.All.Last());
        send.OperationName.Should().Be("HTTP BREW");
        (serve.Status, send.Status).Should().Be((server, client));
        foreach (var span in spans.All)
        {
            span.GetTagItem("http.request.method").Should().Be("_OTHER");
            span.GetTagItem("http.request.method_original").Should().Be("BREW");
            span.GetTagItem("url.path").Should().Be("/a");
            span.GetTagItem("url.scheme").Should().Be("http");
            span.GetTagItem("network.protocol.version").Should().Be("1.1");
            span.GetTagItem("http.response.status_code").Should().Be(status);
            span.GetTagItem("url.query").Should().BeNull();
        }

        serve.GetTagItem("server.address").Should().Be("hello.example");
        serve.GetTagItem("server.port").Should().Be(8080);
        serve.GetTagItem("user_agent.original").Should().Be("tester/1");
        serve.GetTagItem("error.type").Should().Be(status >= 500 ? "503" : null);
    }

    private static async Task ServeAsync(RequestTracer tracer, HttpContext context, Func<Task> handler)
    {
        Activity? span = null;
        if (tracer.TryBegin(context.Request, out var parent))
            span = tracer.Serve(context, "serve", parent);
        await handler();
        SpanAttributes.Responded(span, context.Response.StatusCode);
        span?.Dispose();
    }

    private static DefaultHttpContext Request() =>
        new()
        {
            Request =
            {
                Method = "GET",
                Scheme = "http",
                Host = new HostString("hello.example", 8080),
                Path = "/a",
                QueryString = new QueryString("?secret=1"),
                Protocol = "HTTP/1.1",
            },
        };

    /// <summary>Serves a request with these headers and forwards it; returns the headers that the receiver gets.</summary>
    private async Task<Dictionary<string, string>> ForwardAsync(double rate, params (string Name, string Value)[] headers)
    {
        using var tracer = new RequestTracer(_source, new TraceSampling(rate));
        Dictionary<string, string> received = [];
        using var upstream = new TracedUpstream(
            new ScriptedUpstream(context =>
            {
                received = context.Request.Headers.ToDictionary(static one => one.Key, static one => one.Value.ToString());
                received.Remove("Host");
                return UpstreamResult.Done;
            }),
            tracer,
            "send"
        );
        var context = Request();
        foreach (var (name, value) in headers)
            context.Request.Headers[name] = value;
        await ServeAsync(
            tracer,
            context,
            () => upstream.ForwardAsync(context, new UpstreamTarget("10.0.0.1:8012", false), default).AsTask()
        );
        return received;
    }

    private sealed class ScriptedUpstream(Func<HttpContext, UpstreamResult> forward) : IUpstream
    {
        public ValueTask<UpstreamResult> ForwardAsync(HttpContext context, UpstreamTarget target, CancellationToken cancellation) =>
            new(forward(context));
    }
}
