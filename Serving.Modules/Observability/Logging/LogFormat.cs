namespace Serving.Observability.Logging;

/// <summary>The format of log lines.</summary>
public enum LogFormat
{
    /// <summary>One JSON object per line, with the field names of Knative's components.</summary>
    Json,

    /// <summary>One line of plain text.</summary>
    Plain,
}
