using System.Diagnostics.Metrics;
using Serving.Activator.Throttling;
using Serving.Api.WellKnown;

namespace Serving.Activator.Requests;

/// <summary>
/// The activator's metrics per revision, under the names used by Knative's dashboards. Invariant: deleted revisions emit no series, so the
/// number of series is bounded by the number of revisions.
/// </summary>
internal sealed class ActivatorMetrics : IDisposable
{
    private readonly Meter _meter = new("Serving.Activator");

    /// <param name="entries">The revisions.</param>
    public ActivatorMetrics(Func<IEnumerable<RevisionEntry>> entries)
    {
        IEnumerable<RevisionEntry> Used() => entries().Where(static entry => entry.Load.IsUsed);
        _meter.CreateObservableUpDownCounter(
            "kn.revision.request.queued",
            () => Used().Select(static entry => new Measurement<long>(entry.Load.Queued, Names(entry))),
            "{request}",
            "Number of requests currently queued in the activator waiting for capacity"
        );
        _meter.CreateObservableUpDownCounter(
            "kn.revision.request.active",
            () => Used().Select(static entry => new Measurement<long>(entry.Load.Active, Names(entry))),
            "{request}",
            "Number of requests currently being proxied by the activator"
        );
        _meter.CreateObservableGauge(
            "kn.revision.request.concurrency",
            () => Used().Select(static entry => new Measurement<double>(entry.Load.Concurrency, [.. Names(entry), .. Owners(entry)])),
            "{request}",
            "Concurrent requests that are routed to Activator"
        );
    }

    public void Dispose() => _meter.Dispose();

    private static KeyValuePair<string, object?>[] Names(RevisionEntry entry) =>
        [new("k8s.namespace.name", entry.Revision.Metadata.Namespace), new("kn.revision.name", entry.Revision.Metadata.Name)];

    private static KeyValuePair<string, object?>[] Owners(RevisionEntry entry) =>
        [
            new("kn.service.name", entry.Revision.Metadata.Labels.GetValueOrDefault(ServingKeys.Service, "")),
            new("kn.configuration.name", entry.Revision.Metadata.Labels.GetValueOrDefault(ServingKeys.Configuration, "")),
        ];
}
