namespace Serving.Tests.Observability.Otlp;

/// <summary>A span as a collector receives it.</summary>
/// <param name="Service">The name of the service that sent it.</param>
/// <param name="Scope">The name of its source.</param>
/// <param name="Span">The span.</param>
internal sealed record ReceivedSpan(string Service, string Scope, Span Span)
{
    public const int Internal = 1;
    public const int Server = 2;
    public const int Client = 3;
    public const int Error = 2;

    public string Name => Span.Name;

    public string TraceId { get; } = Convert.ToHexStringLower(Span.TraceId.Span);

    public string Id { get; } = Convert.ToHexStringLower(Span.SpanId.Span);

    /// <summary>Empty for a root.</summary>
    public string ParentId { get; } = Convert.ToHexStringLower(Span.ParentSpanId.Span);

    public TimeSpan Duration => TimeSpan.FromTicks((long)(Span.EndTimeUnixNano - Span.StartTimeUnixNano) / 100);

    public IReadOnlyDictionary<string, string> Attributes { get; } = OtlpReceiver.TextOf(Span.Attributes);

    public override string ToString() =>
        $"{Service} {Name} {Id} below {ParentId} {{{string.Join(", ", Attributes.Select(static one => $"{one.Key}={one.Value}"))}}}";
}
