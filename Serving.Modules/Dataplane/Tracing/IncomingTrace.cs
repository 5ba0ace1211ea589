using System.Buffers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Serving.Dataplane.Tracing;

/// <summary>
/// The trace that the caller of a request is in, read from its headers without allocating: W3C <c>traceparent</c>, else B3 in one header,
/// else B3 in several. Headers that are malformed count as missing, as the specifications demand.
/// </summary>
internal readonly ref struct IncomingTrace
{
    private const int TraceIdLength = 32;
    private const int ShortTraceIdLength = 16;
    private const int SpanIdLength = 16;
    private const int ParentLength = 55;

    private static readonly SearchValues<char> Hex = SearchValues.Create("0123456789abcdefABCDEF");
    private static readonly SearchValues<char> LowerHex = SearchValues.Create("0123456789abcdef");

    private IncomingTrace(ReadOnlySpan<char> traceId, ReadOnlySpan<char> spanId, bool? isSampled, bool isB3)
    {
        TraceId = traceId;
        SpanId = spanId;
        IsSampled = isSampled;
        IsB3 = isB3;
    }

    /// <summary>16 (B3) or 32 hexadecimal digits; empty for none.</summary>
    public ReadOnlySpan<char> TraceId { get; }

    /// <summary>The caller's span, 16 hexadecimal digits; empty for none.</summary>
    public ReadOnlySpan<char> SpanId { get; }

    /// <summary>The caller's decision; null when there is none. B3 can have a decision without ids.</summary>
    public bool? IsSampled { get; }

    /// <summary>Whether it was read from B3 headers.</summary>
    public bool IsB3 { get; }

    /// <summary>Whether it names a span.</summary>
    public bool HasIds => !SpanId.IsEmpty;

    /// <summary>Reads the headers of a request.</summary>
    public static IncomingTrace Of(IHeaderDictionary headers)
    {
        if (Single(headers.TraceParent) is { } parent && FromParent(parent) is { HasIds: true } w3c)
            return w3c;
        if (headers.TryGetValue(TraceHeaders.B3, out var b3) && Single(b3) is { } text && FromB3(text) is { IsB3: true } single)
            return single;
        return FromHeaders(headers);
    }

    /// <summary>Writes the 16 bytes of the trace's id.</summary>
    public void CopyTraceId(Span<byte> bytes)
    {
        bytes.Clear();
        Convert.FromHexString(TraceId, bytes[(16 - (TraceId.Length / 2))..], out _, out _);
    }

    private static IncomingTrace FromParent(ReadOnlySpan<char> text)
    {
        // Later versions may append fields.
        if (
            text.Length < ParentLength
            || !IsLowerHex(text[..2])
            || text is ['f', 'f', ..]
            || (text.Length > ParentLength && (text is ['0', '0', ..] || text[ParentLength] != '-'))
            || text[2] != '-'
            || text[35] != '-'
            || text[52] != '-'
            || !IsLowerHex(text[53..55])
        )
            return default;
        var trace = text[3..35];
        var span = text[36..52];
        return IsLowerHex(trace) && IsLowerHex(span) && IsId(trace) && IsId(span)
            ? new IncomingTrace(trace, span, (char.IsAsciiDigit(text[54]) ? text[54] - '0' : text[54] - 'a' + 10) % 2 == 1, isB3: false)
            : default;
    }

    // {TraceId}-{SpanId}[-{SamplingState}[-{ParentSpanId}]], or the state alone.
    private static IncomingTrace FromB3(ReadOnlySpan<char> text)
    {
        if (DecisionOf(text) is { } alone)
            return new IncomingTrace(default, default, alone, isB3: true);
        var first = text.IndexOf('-');
        if (first < 0)
            return default;
        var trace = text[..first];
        var rest = text[(first + 1)..];
        var second = rest.IndexOf('-');
        var span = second < 0 ? rest : rest[..second];
        if (!AreB3(trace, span))
            return default;
        if (second < 0)
            return new IncomingTrace(trace, span, null, isB3: true);
        var state = rest[(second + 1)..];
        var third = state.IndexOf('-');
        return DecisionOf(third < 0 ? state : state[..third]) is { } decision
            ? new IncomingTrace(trace, span, decision, isB3: true)
            : default;
    }

    private static IncomingTrace FromHeaders(IHeaderDictionary headers)
    {
        var decision =
            headers.TryGetValue(TraceHeaders.B3Flags, out var flags) && Single(flags) == "1" ? true
            : headers.TryGetValue(TraceHeaders.B3Sampled, out var sampled) && Single(sampled) is { } state ? DecisionOf(state)
            : null;
        return
            headers.TryGetValue(TraceHeaders.B3TraceId, out var traces)
            && Single(traces) is { } trace
            && headers.TryGetValue(TraceHeaders.B3SpanId, out var spans)
            && Single(spans) is { } span
            && AreB3(trace, span)
            ? new IncomingTrace(trace, span, decision, isB3: true)
            : new IncomingTrace(default, default, decision, isB3: decision is not null);
    }

    private static bool? DecisionOf(ReadOnlySpan<char> state) =>
        state switch
        {
            "1" or "d" or "true" => true,
            "0" or "false" => false,
            _ => null,
        };

    private static bool AreB3(ReadOnlySpan<char> trace, ReadOnlySpan<char> span) =>
        trace.Length is TraceIdLength or ShortTraceIdLength
        && span.Length == SpanIdLength
        && IsHex(trace)
        && IsHex(span)
        && IsId(trace)
        && IsId(span);

    private static bool IsId(ReadOnlySpan<char> text) => text.ContainsAnyExcept('0');

    private static bool IsHex(ReadOnlySpan<char> text) => !text.ContainsAnyExcept(Hex);

    private static bool IsLowerHex(ReadOnlySpan<char> text) => !text.ContainsAnyExcept(LowerHex);

    private static string? Single(StringValues values) => values.Count == 1 ? values[0] : null;
}
