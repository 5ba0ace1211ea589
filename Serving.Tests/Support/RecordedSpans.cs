using System.Collections.Concurrent;
using System.Diagnostics;

namespace Serving.Tests.Support;

/// <summary>
/// Records the finished spans of this project's sources in this process; the caller decides what is sampled, as our own code does. Other
/// tests of the process may be recorded too: select by trace.
/// </summary>
public sealed class RecordedSpans : IDisposable
{
    private readonly ConcurrentQueue<Activity> _spans = new();
    private readonly ActivityListener _listener;

    /// <param name="source">The source to record.</param>
    public RecordedSpans(string source = "Serving.")
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = one => one.Name.StartsWith(source, StringComparison.Ordinal),
            Sample = static (ref ActivityCreationOptions<ActivityContext> options) =>
                options.Parent == default || options.Parent.TraceFlags.HasFlag(ActivityTraceFlags.Recorded)
                    ? ActivitySamplingResult.AllDataAndRecorded
                    : ActivitySamplingResult.None,
            ActivityStopped = _spans.Enqueue,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    /// <summary>All spans so far.</summary>
    public IReadOnlyCollection<Activity> All => _spans;

    /// <summary>The spans of a trace, in the order in which they ended.</summary>
    public IReadOnlyList<Activity> Of(string traceId) => [.. _spans.Where(span => span.TraceId.ToHexString() == traceId)];

    public void Dispose() => _listener.Dispose();
}
