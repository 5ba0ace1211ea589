using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Http;
using Serving.Activator.Throttling;
using Serving.Dataplane.Throttling;
using Serving.Instruments;
using Serving.Observability.Requests;

namespace Serving.Activator.Requests;

/// <summary>
/// The activator's metrics per revision, under the names used by Knative's dashboards. Invariant: deleted revisions emit no series, so the
/// number of series is bounded by the number of revisions, and recording a request allocates nothing.
/// </summary>
internal sealed class ActivatorMetrics : IDisposable
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "Serving.Activator";

    private static readonly MetricAttribute Reason = new("reason", "`queue_full`, `no_pod` or `deleted`");
    private static readonly MetricAttribute[] Names = [RevisionNames.Namespace, RevisionNames.Revision];

    private readonly Meter _meter;
    private readonly TimeProvider _time;
    private readonly Histogram<double> _requests;
    private readonly Histogram<double> _wait;
    private readonly Counter<long> _rejected;
    private readonly Counter<long> _retries;

    /// <param name="registry">The revisions.</param>
    /// <param name="time">The clock.</param>
    public ActivatorMetrics(RevisionRegistry registry, TimeProvider time)
    {
        IEnumerable<RevisionEntry> Used() => registry.Entries.Where(static entry => entry.Load.IsUsed);
        _time = time;
        _meter = new Meter(new MeterOptions(MeterName) { Scope = new RevisionSeries((ns, name) => registry.Find(ns, name) is not null) });
        _meter
            .CreateObservableUpDownCounter(
                "kn.revision.request.queued",
                () => Used().Select(static entry => new Measurement<long>(entry.Load.Queued, entry.Attributes.Names)),
                "{request}",
                "Number of requests currently queued in the activator waiting for capacity"
            )
            .With(Names);
        _meter
            .CreateObservableUpDownCounter(
                "kn.revision.request.active",
                () => Used().Select(static entry => new Measurement<long>(entry.Load.Active, entry.Attributes.Names)),
                "{request}",
                "Number of requests currently being proxied by the activator"
            )
            .With(Names);
        _meter
            .CreateObservableGauge(
                "kn.revision.request.concurrency",
                () => Used().Select(static entry => new Measurement<double>(entry.Load.Concurrency, entry.Attributes.Owners)),
                "{request}",
                "Concurrent requests that are routed to Activator"
            )
            .With(RevisionNames.All);
        _meter
            .CreateObservableGauge(
                "kn.activator.capacity",
                () =>
                    Used()
                        .Where(static entry => entry.Throttler.Capacity != Breaker.Unlimited)
                        .Select(static entry => new Measurement<int>(entry.Throttler.Capacity, entry.Attributes.Owners)),
                "{request}",
                "Concurrent requests that the pods of the revision accept from this activator; none while unlimited"
            )
            .With(RevisionNames.All);
        _meter
            .CreateObservableGauge(
                "kn.activator.pods",
                () => Used().Select(static entry => new Measurement<int>(entry.Throttler.Destinations, entry.Attributes.Owners)),
                "{pod}",
                "Pods of the revision that this activator sends requests to; its Service, behind a mesh, counts as one"
            )
            .With(RevisionNames.All);
        _requests = _meter
            .CreateHistogram("http.server.request.duration", "s", "Duration of HTTP server requests.", null, SecondsBuckets.Short)
            .With([
                .. RevisionNames.All,
                RequestAttributes.Method,
                RequestAttributes.Status,
                RequestAttributes.Version,
                RequestAttributes.Protocol,
                RequestAttributes.Scheme,
            ]);
        _wait = _meter
            .CreateHistogram(
                "kn.activator.request.wait.duration",
                "s",
                "How long a request waited until the revision had capacity",
                null,
                SecondsBuckets.Waits
            )
            .With(RevisionNames.All);
        _rejected = _meter
            .CreateCounter<long>("kn.activator.request.rejected", "{request}", "Requests of a revision that were not proxied, by reason")
            .With([.. RevisionNames.All, Reason])
            .StartingAtZero(() => Used().SelectMany(static entry => entry.Attributes.Rejections));
        _retries = _meter
            .CreateCounter<long>("kn.activator.request.retries", "{retry}", "Attempts repeated on another pod")
            .With(RevisionNames.All)
            .StartingAtZero(() => Used().Select(static entry => entry.Attributes.Owners));
    }

    public void Dispose() => _meter.Dispose();

    /// <summary>The tags of rejected requests of a revision, one for each reason while it exists.</summary>
    public static KeyValuePair<string, object?>[][] RejectionTags(KeyValuePair<string, object?>[] owners) =>
        [
            [.. owners, Reason.Of(RejectedReason.QueueFull)],
            [.. owners, Reason.Of(RejectedReason.NoPod)],
        ];

    /// <summary>A timestamp to pass to <see cref="Waited"/> or <see cref="Completed"/>.</summary>
    public long Now() => _time.GetTimestamp();

    /// <summary>Records how long a request has waited for its first slot, also when it was refused or cancelled.</summary>
    public void Waited(RevisionEntry entry, long started)
    {
        if (_wait.Enabled)
        {
            _wait.Record(_time.GetElapsedTime(started).TotalSeconds, entry.Attributes.Owners);
        }
    }

    /// <summary>Records the end of a request.</summary>
    public void Completed(HttpContext context, RevisionEntry entry, long started)
    {
        if (!_requests.Enabled)
        {
            return;
        }

        var tags = entry.Attributes.Owners;
        var kind = entry.Attributes.Kinds.Admit(RequestKind.Of(context.Request, RequestStatus.Of(context)));
        _requests.Record(
            _time.GetElapsedTime(started).TotalSeconds,
            tags[0],
            tags[1],
            tags[2],
            tags[3],
            RequestAttributes.Method.Of(kind.Method),
            RequestAttributes.Status.Of(kind.Status),
            RequestAttributes.Protocol.Of("http"),
            RequestAttributes.Version.Of(kind.Version),
            RequestAttributes.Scheme.Of(context.Request.Scheme)
        );
    }

    /// <summary>Records a request that is not proxied.</summary>
    /// <param name="entry">The revision.</param>
    /// <param name="reason">One of <see cref="RejectedReason"/>.</param>
    public void Rejected(RevisionEntry entry, string reason) => _rejected.Add(1, [.. entry.Attributes.Owners, Reason.Of(reason)]);

    /// <summary>Records an attempt that follows one that reached no program.</summary>
    public void Retried(RevisionEntry entry) => _retries.Add(1, entry.Attributes.Owners);
}
