namespace Serving.Observability.Logging;

/// <summary>How log lines look.</summary>
public enum LogFormat
{
    /// <summary>One JSON object a line, with the field names that Knative's components use.</summary>
    Json,

    /// <summary>One line of text for people.</summary>
    Plain,
}
