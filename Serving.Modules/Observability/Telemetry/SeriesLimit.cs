using System.Diagnostics.Metrics;
using OpenTelemetry.Metrics;
using Serving.Instruments;

namespace Serving.Observability.Telemetry;

/// <summary>
/// How many series of an instrument OpenTelemetry's SDK keeps apart. It reserves memory for all of them at once, about 100 bytes each, so
/// only those of meters with series per object (<see cref="ISeriesLifetime"/>) get more than its 2000. It asks when an instrument is
/// created, before that has declared its attributes.
/// </summary>
internal static class SeriesLimit
{
    /// <summary>Enough for 5000 Revisions with four kinds of requests each.</summary>
    public const int PerObject = 20_000;

    /// <summary>The limit of an instrument; null for the SDK's.</summary>
    public static MetricStreamConfiguration? Of(Instrument instrument) =>
        instrument.Meter.Scope is ISeriesLifetime ? new MetricStreamConfiguration { CardinalityLimit = PerObject } : null;
}
