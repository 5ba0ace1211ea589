namespace Serving.Observability.Metrics;

/// <summary>The text formats in which metrics are served.</summary>
public enum TextFormat
{
    /// <summary>Prometheus' text format, version 0.0.4.</summary>
    Prometheus,

    /// <summary>OpenMetrics, version 1.0.0.</summary>
    OpenMetrics,
}
