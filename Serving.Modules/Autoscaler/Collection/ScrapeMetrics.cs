using System.Diagnostics.Metrics;
using Serving.Api.Autoscaling;
using Serving.Api.WellKnown;
using Serving.Instruments;

namespace Serving.Autoscaler.Collection;

/// <summary>The scrapes of queue-proxies.</summary>
internal static class ScrapeMetrics
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "Serving.Autoscaler";

    private static readonly MetricAttribute Reason = new(
        "reason",
        "`CollectionFailed`, `DidNotReceiveStat` or `NoEndpoints`, as in the Metric's condition"
    );

    private static readonly Meter Meter = new(MeterName);

    private static readonly Histogram<double> Duration = Meter
        .CreateHistogram("kn.autoscaler.scrape.duration", "s", "The duration of scraping the revision", null, SecondsBuckets.Short)
        .With(RevisionNames.Namespace, RevisionNames.Service, RevisionNames.Configuration);

    private static readonly Counter<long> Failures = Meter
        .CreateCounter<long>("serving.autoscaler.scrape.failures", "{scrape}", "Scrapes of a revision that failed, by reason")
        .With(Reason)
        .StartingAtZero(Reason, CollectionFailure.CollectionFailed, CollectionFailure.DidNotReceiveStat, CollectionFailure.NoEndpoints);

    /// <summary>A scrape of a revision succeeded.</summary>
    public static void Scraped(Metric metric, TimeSpan took) =>
        Duration.Record(
            took.TotalSeconds,
            RevisionNames.Namespace.Of(metric.Metadata.Namespace),
            RevisionNames.Service.Of(metric.Metadata.Labels.GetValueOrDefault(ServingKeys.Service, "")),
            RevisionNames.Configuration.Of(metric.Metadata.Labels.GetValueOrDefault(ServingKeys.Configuration, ""))
        );

    /// <summary>A scrape failed.</summary>
    public static void Failed(string reason) => Failures.Add(1, Reason.Of(reason));
}
