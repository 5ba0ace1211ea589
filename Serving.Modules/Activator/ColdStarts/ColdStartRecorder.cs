using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Serving.Activator.Throttling;
using Serving.Instruments;

namespace Serving.Activator.ColdStarts;

/// <summary>
/// Records finished cold starts: histograms, totals per revision, and a warning for a slow one. Invariant: a deleted revision has no
/// series, and only cold starts in progress use memory.
/// </summary>
internal sealed partial class ColdStartRecorder : IDisposable
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "Serving.Activator.ColdStarts";

    /// <summary>A cold start that takes longer is logged.</summary>
    public static readonly TimeSpan Slow = TimeSpan.FromSeconds(5);

    private static readonly MetricAttribute Phase = new(
        "phase",
        "`decide`, `scale_write`, `schedule`, `image_pull`, `container_start`, `ready` or `first_byte`"
    );

    private static readonly MetricAttribute Outcome = new("outcome", "`served`; `abandoned`: no request had a response from a pod");

    private readonly Meter _meter = new(new MeterOptions(MeterName) { Scope = RevisionSeries.Observed });
    private readonly Histogram<double> _duration;
    private readonly Histogram<double> _phases;
    private readonly KeyValuePair<string, object?>[] _phaseTags;
    private readonly ConcurrentDictionary<RevisionColdStarts, byte> _awaiting = new();
    private readonly ILogger _logger;

    /// <param name="entries">The revisions.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Logs slow cold starts.</param>
    public ColdStartRecorder(Func<IEnumerable<RevisionEntry>> entries, TimeProvider time, ILogger logger)
    {
        Time = time;
        _logger = logger;
        _phaseTags = [.. Enum.GetValues<ColdStartPhase>().Select(static phase => Phase.Of(ColdStartBreakdown.NameOf(phase)))];
        _duration = _meter
            .CreateHistogram(
                "serving.cold_start.duration",
                "s",
                "From the arrival of the first request of a revision without pods to the first byte of the response",
                null,
                SecondsBuckets.Long
            )
            .With(Outcome);
        _phases = _meter
            .CreateHistogram(
                "serving.cold_start.phase.duration",
                "s",
                "The phases of cold starts; a phase begins when the one before it ends",
                null,
                SecondsBuckets.Long
            )
            .With(Phase);

        IEnumerable<(RevisionEntry Entry, long Count, double Seconds)> Totals() =>
            entries()
                .Select(static entry => (entry, entry.ColdStarts.Total))
                .Where(static one => one.Total.Count > 0)
                .Select(static one => (one.entry, one.Total.Count, one.Total.Seconds));
        _meter
            .CreateObservableCounter(
                "serving.revision.cold_starts",
                () => Totals().Select(static one => new Measurement<long>(one.Count, one.Entry.Attributes.Owners)),
                "{cold_start}",
                "Cold starts of a revision"
            )
            .With(RevisionNames.All);
        _meter
            .CreateObservableCounter(
                "serving.revision.cold_start.time",
                () => Totals().Select(static one => new Measurement<double>(one.Seconds, one.Entry.Attributes.Owners)),
                "s",
                "Total duration of the cold starts of a revision"
            )
            .With(RevisionNames.All);
    }

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; }

    public void Dispose() => _meter.Dispose();

    /// <summary>A cold start waits for what may not come: the status of its pod, or another request.</summary>
    public void Await(RevisionColdStarts starts) => _awaiting.TryAdd(starts, 0);

    /// <summary>Records those for which it has not come; called every second. A revision whose cold starts still wait says so
    /// again.</summary>
    public void Sweep()
    {
        foreach (var (starts, _) in _awaiting)
        {
            _awaiting.TryRemove(starts, out _);
            starts.Sweep();
        }
    }

    /// <summary>Records a finished one, in the context of its request, so that an exporter can attach its trace.</summary>
    public void Record(RevisionColdStarts starts, ColdStart start)
    {
        var parts = start.TakeApart();
        if (start.Activity is { } request)
            ColdStartSpans.Write(request, start.Arrived, parts);
        var outer = Activity.Current;
        using var late = start.Activity is { IsStopped: true } stopped ? Continue(stopped) : null;
        if (late is null)
            Activity.Current = start.Activity;
        try
        {
            var outcome = start.FirstByte is null ? "abandoned" : "served";
            _duration.Record(parts.Duration.TotalSeconds, Outcome.Of(outcome));
            for (var phase = 0; phase < _phaseTags.Length; phase++)
            {
                if (parts[(ColdStartPhase)phase] is { } duration)
                    _phases.Record(duration.TotalSeconds, _phaseTags[phase]);
            }

            if (parts.Duration > Slow)
                Log(starts, parts, outcome);
        }
        finally
        {
            Activity.Current = outer;
        }
    }

    /// <summary>The report of the kubelet may come after the response, when the span of the request has ended and cannot be the current
    /// one. An activity of the same trace stands for it, which nothing exports.</summary>
    private static Activity Continue(Activity request) =>
        new Activity("late").SetParentId(request.TraceId, request.SpanId, request.ActivityTraceFlags).Start();

    private void Log(RevisionColdStarts starts, ColdStartBreakdown parts, string outcome)
    {
        var (phase, duration) = parts.Longest;
        LogSlow(
            _logger,
            starts.Revision.Namespace,
            starts.Revision.Name,
            Math.Round(parts.Duration.TotalSeconds, 3),
            phase,
            Math.Round(duration.TotalSeconds, 3),
            parts.ToString(),
            outcome
        );
    }

    [LoggerMessage(
        20,
        LogLevel.Warning,
        "The cold start of revision {Namespace}/{Revision} took {Seconds} s, of which {PhaseSeconds} s in phase {Phase} ({Text}), and was {Outcome}",
        EventName = "serving.cold_start"
    )]
    private static partial void LogSlow(
        ILogger logger,
        string @namespace,
        string revision,
        double seconds,
        string phase,
        double phaseSeconds,
        string text,
        string outcome
    );
}
