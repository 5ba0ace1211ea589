using Serving.Api.Autoscaling;
using Serving.Api.WellKnown;
using Serving.Instruments;

namespace Serving.Autoscaler.Collection;

/// <summary>What a scraped revision belongs to, as the attributes of metrics name it.</summary>
/// <param name="Namespace">The namespace.</param>
/// <param name="Service">The Service; empty for none.</param>
/// <param name="Configuration">The Configuration.</param>
internal sealed record ScrapedConfiguration(string Namespace, string Service, string Configuration)
{
    /// <summary>The owner of the revision of a Metric.</summary>
    public static ScrapedConfiguration Of(Metric metric) =>
        new(
            metric.Metadata.Namespace,
            metric.Metadata.Labels.GetValueOrDefault(ServingKeys.Service, ""),
            metric.Metadata.Labels.GetValueOrDefault(ServingKeys.Configuration, "")
        );

    /// <summary>The owner that the tags of a series name; null when they name none.</summary>
    public static ScrapedConfiguration? Of(ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
        RevisionSeries.Find(tags, RevisionNames.Namespace.Name) is { } ns
        && RevisionSeries.Find(tags, RevisionNames.Configuration.Name) is { } configuration
            ? new(ns, RevisionSeries.Find(tags, RevisionNames.Service.Name) ?? "", configuration)
            : null;
}
