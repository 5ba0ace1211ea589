using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Serving.Dataplane.Tracing;

/// <summary>
/// Writes the context of a trace into the headers of a request: always <c>traceparent</c> (W3C), and B3 in each format, single or multiple
/// headers, that the caller used, because the program may know no other. <c>baggage</c> and all other headers are passed on as they are.
/// </summary>
internal static class TraceHeaders
{
    public const string B3 = "b3";
    public const string B3TraceId = "X-B3-TraceId";
    public const string B3SpanId = "X-B3-SpanId";
    public const string B3ParentSpanId = "X-B3-ParentSpanId";
    public const string B3Sampled = "X-B3-Sampled";
    public const string B3Flags = "X-B3-Flags";

    /// <summary>Makes a span the parent of the receiver's spans.</summary>
    public static void Inject(IHeaderDictionary headers, Activity span)
    {
        headers.TraceParent = span.Id;
        if (string.IsNullOrEmpty(span.TraceStateString))
            headers.Remove(HeaderNames.TraceState);
        else
            headers.TraceState = span.TraceStateString;
        if (!headers.ContainsKey(B3) && !headers.ContainsKey(B3TraceId) && !headers.ContainsKey(B3Sampled))
            return;
        var (trace, id, parent) = (span.TraceId.ToHexString(), span.SpanId.ToHexString(), span.ParentSpanId);
        if (headers.ContainsKey(B3))
            headers[B3] = parent == default ? $"{trace}-{id}-1" : $"{trace}-{id}-1-{parent.ToHexString()}";
        if (!headers.ContainsKey(B3TraceId) && !headers.ContainsKey(B3Sampled))
            return;
        headers[B3TraceId] = trace;
        headers[B3SpanId] = id;
        headers[B3Sampled] = "1";
        if (parent == default)
            headers.Remove(B3ParentSpanId);
        else
            headers[B3ParentSpanId] = parent.ToHexString();
    }

    /// <summary>Tells later hops that a trace which starts here is not recorded, so that they do not start another.</summary>
    /// <param name="headers">The headers of a request without a trace.</param>
    /// <param name="ids">16 random bytes for the trace and 8 for the span.</param>
    public static void Refuse(IHeaderDictionary headers, ReadOnlySpan<byte> ids)
    {
        headers.Remove(HeaderNames.TraceState);
        headers.TraceParent = string.Create(
            55,
            ids,
            static (text, ids) =>
            {
                "00-".CopyTo(text);
                Convert.TryToHexStringLower(ids[..16], text[3..], out _);
                text[35] = '-';
                Convert.TryToHexStringLower(ids[16..], text[36..], out _);
                "-00".CopyTo(text[52..]);
            }
        );
    }

    /// <summary>Adds the decision not to record a trace whose B3 headers leave it open.</summary>
    public static void RefuseB3(IHeaderDictionary headers)
    {
        if (headers.TryGetValue(B3, out var ids))
            headers[B3] = $"{ids}-0";
        if (headers.ContainsKey(B3TraceId))
            headers[B3Sampled] = "0";
    }
}
