using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Dataplane.Tracing;

namespace Serving.Tests.Dataplane.Tracing;

public sealed class IncomingTraceTests
{
    private const string Trace = "0af7651916cd43dd8448eb211c80319c";
    private const string Span = "b7ad6b7169203331";

    [TestCase($"00-{Trace}-{Span}-01", true)]
    [TestCase($"00-{Trace}-{Span}-00", false)]
    [TestCase($"00-{Trace}-{Span}-ff", true)]
    [TestCase($"00-{Trace}-{Span}-0a", false)]
    [TestCase($"01-{Trace}-{Span}-01", true)]
    [TestCase($"cc-{Trace}-{Span}-01-what-the-future-brings", true)]
    public void Reads_traceparent(string header, bool sampled) => Read(("traceparent", header)).Should().Be((Trace, Span, sampled, false));

    [TestCase("")]
    [TestCase($"ff-{Trace}-{Span}-01")]
    [TestCase($"00-{Trace}-{Span}-01-more")]
    [TestCase($"cc-{Trace}-{Span}-01x")]
    [TestCase($"00-{Trace}-{Span}-0g")]
    [TestCase($"00-{Trace}-{Span}")]
    [TestCase($"00-00000000000000000000000000000000-{Span}-01")]
    [TestCase($"00-{Trace}-0000000000000000-01")]
    [TestCase("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01")]
    [TestCase($"00_{Trace}_{Span}_01")]
    public void A_malformed_traceparent_counts_as_missing(string header) =>
        Read(("traceparent", header)).Should().Be(("", "", null, false));

    [Test]
    public void Two_traceparents_count_as_none()
    {
        var headers = new HeaderDictionary { ["traceparent"] = new([$"00-{Trace}-{Span}-01", $"00-{Trace}-{Span}-01"]) };

        IncomingTrace.Of(headers).HasIds.Should().BeFalse();
    }

    [TestCase($"{Trace}-{Span}-1", true)]
    [TestCase($"{Trace}-{Span}-d", true)]
    [TestCase($"{Trace}-{Span}-0", false)]
    [TestCase($"{Trace}-{Span}-1-05e3ac9a4f6e3b90", true)]
    [TestCase($"{Trace}-{Span}", null)]
    public void Reads_B3_in_one_header(string header, bool? sampled) => Read(("b3", header)).Should().Be((Trace, Span, sampled, true));

    [TestCase("1", true)]
    [TestCase("0", false)]
    [TestCase("d", true)]
    public void B3_can_be_a_decision_alone(string header, bool sampled) => Read(("b3", header)).Should().Be(("", "", sampled, true));

    [TestCase($"{Trace}-{Span}-x")]
    [TestCase("x")]
    public void A_malformed_b3_does_not_hide_B3_in_several_headers(string header) =>
        Read(("b3", header), ("X-B3-TraceId", Trace), ("X-B3-SpanId", Span), ("X-B3-Sampled", "1")).Should().Be((Trace, Span, true, true));

    [TestCase($"{Trace}-{Span}-x")]
    [TestCase($"{Trace}")]
    [TestCase($"{Span}-{Trace}-1")]
    [TestCase("x")]
    [TestCase($"00000000000000000000000000000000-{Span}-1")]
    public void A_malformed_b3_counts_as_missing(string header) => Read(("b3", header)).Should().Be(("", "", null, false));

    [TestCase("1", null, true)]
    [TestCase("true", null, true)]
    [TestCase("0", null, false)]
    [TestCase(null, "1", true)]
    [TestCase("0", "1", true)]
    [TestCase(null, null, null)]
    public void Reads_B3_in_several_headers(string? sampled, string? flags, bool? expected)
    {
        List<(string, string)> headers = [("X-B3-TraceId", Trace), ("X-B3-SpanId", Span)];
        if (sampled is not null)
            headers.Add(("X-B3-Sampled", sampled));
        if (flags is not null)
            headers.Add(("X-B3-Flags", flags));

        Read([.. headers]).Should().Be((Trace, Span, expected, true));
    }

    [Test]
    public void A_short_B3_trace_id_is_the_end_of_a_long_one()
    {
        var bytes = new byte[16];
        var headers = new HeaderDictionary { ["b3"] = $"8448eb211c80319c-{Span}-1" };
        IncomingTrace.Of(headers).CopyTraceId(bytes);

        Convert.ToHexStringLower(bytes).Should().Be("00000000000000008448eb211c80319c");
    }

    [Test]
    public void W3C_comes_before_B3() =>
        Read(("traceparent", $"00-{Trace}-{Span}-00"), ("b3", $"{Trace}-05e3ac9a4f6e3b90-1")).Should().Be((Trace, Span, false, false));

    [Test]
    public void Without_headers_there_is_no_trace() => Read().Should().Be(("", "", null, false));

    private static (string TraceId, string SpanId, bool? Sampled, bool B3) Read(params (string Name, string Value)[] fields)
    {
        var headers = new HeaderDictionary();
        foreach (var (name, value) in fields)
            headers[name] = value;
        var trace = IncomingTrace.Of(headers);
        return (trace.TraceId.ToString(), trace.SpanId.ToString(), trace.IsSampled, trace.IsB3);
    }
}
