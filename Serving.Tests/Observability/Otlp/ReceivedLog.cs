namespace Serving.Tests.Observability.Otlp;

/// <summary>A log record as a collector receives it.</summary>
/// <param name="Service">The name of the service that sent it.</param>
/// <param name="Logger">The logger's category.</param>
/// <param name="Record">The record.</param>
internal sealed record ReceivedLog(string Service, string Logger, LogRecord Record)
{
    public string Text => Record.Body.StringValue;

    public string TraceId { get; } = Convert.ToHexStringLower(Record.TraceId.Span);

    public string SpanId { get; } = Convert.ToHexStringLower(Record.SpanId.Span);

    public IReadOnlyDictionary<string, string> Attributes { get; } = OtlpReceiver.TextOf(Record.Attributes);
}
