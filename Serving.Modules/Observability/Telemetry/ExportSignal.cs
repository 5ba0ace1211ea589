namespace Serving.Observability.Telemetry;

/// <summary>Names of the signals that are exported.</summary>
public static class ExportSignal
{
    /// <summary>Traces.</summary>
    public const string Traces = "traces";

    /// <summary>Metrics.</summary>
    public const string Metrics = "metrics";

    /// <summary>Logs.</summary>
    public const string Logs = "logs";
}
