namespace Serving.Tests.Observability.Otlp;

/// <summary>A point of a metric as a collector receives it.</summary>
/// <param name="Resource">The attributes of the sender.</param>
/// <param name="Scope">The name of the meter.</param>
/// <param name="Name">The name of the instrument.</param>
/// <param name="Start">When the series began, in nanoseconds.</param>
/// <param name="Attributes">The attributes of the series.</param>
/// <param name="Traces">The traces of its exemplars.</param>
internal sealed record ReceivedMetric(
    IReadOnlyDictionary<string, string> Resource,
    string Scope,
    string Name,
    ulong Start,
    IReadOnlyDictionary<string, string> Attributes,
    IReadOnlyList<string> Traces
);
