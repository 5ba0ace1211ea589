using System.Diagnostics;

namespace Serving.Observability.Metrics;

/// <summary>A recording that was made in a sampled span: links a bucket or a counter to a trace.</summary>
/// <param name="TraceId">The trace.</param>
/// <param name="SpanId">The span.</param>
/// <param name="Value">The recorded value.</param>
/// <param name="Time">When it was recorded.</param>
internal sealed record Exemplar(string TraceId, string SpanId, double Value, DateTimeOffset Time)
{
    /// <summary>The exemplar for a recording made now; null without a sampled span.</summary>
    public static Exemplar? Of(double value, TimeProvider time) =>
        Activity.Current is { Recorded: true, IdFormat: ActivityIdFormat.W3C } span
            ? new Exemplar(span.TraceId.ToHexString(), span.SpanId.ToHexString(), value, time.GetUtcNow())
            : null;
}
