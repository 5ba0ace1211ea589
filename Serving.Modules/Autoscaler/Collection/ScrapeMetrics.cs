using System.Diagnostics.Metrics;
using Serving.Instruments;

namespace Serving.Autoscaler.Collection;

/// <summary>The scrapes of queue-proxies. Invariant: a Configuration has a series while a revision of it is scraped.</summary>
internal static class ScrapeMetrics
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "Serving.Autoscaler";

    /// <summary>Those whose revisions are scraped.</summary>
    public static ScrapedConfigurations Configurations { get; } = new();

    private static readonly MetricAttribute Reason = new(
        "reason",
        "`CollectionFailed`, `DidNotReceiveStat` or `NoEndpoints`, as in the Metric's condition"
    );

    private static readonly Meter Meter = new(new MeterOptions(MeterName) { Scope = Configurations });

    private static readonly Histogram<double> Duration = Meter
        .CreateHistogram("kn.autoscaler.scrape.duration", "s", "The duration of scraping the revision", null, SecondsBuckets.Short)
        .With(RevisionNames.Namespace, RevisionNames.Service, RevisionNames.Configuration);

    private static readonly Counter<long> Failures = Meter
        .CreateCounter<long>("serving.autoscaler.scrape.failures", "{scrape}", "Scrapes of a revision that failed, by reason")
        .With(Reason)
        .StartingAtZero(Reason, CollectionFailure.CollectionFailed, CollectionFailure.DidNotReceiveStat, CollectionFailure.NoEndpoints);

    /// <summary>A scrape of a revision ended, with or without stats.</summary>
    public static void Scraped(ScrapedConfiguration owner, TimeSpan took) =>
        Duration.Record(
            took.TotalSeconds,
            RevisionNames.Namespace.Of(owner.Namespace),
            RevisionNames.Service.Of(owner.Service),
            RevisionNames.Configuration.Of(owner.Configuration)
        );

    /// <summary>A scrape failed.</summary>
    public static void Failed(string reason) => Failures.Add(1, Reason.Of(reason));
}
