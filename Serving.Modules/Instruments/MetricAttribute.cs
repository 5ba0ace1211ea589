namespace Serving.Instruments;

/// <summary>
/// An attribute of measurements, a label in Prometheus. Code that records takes the tag from here, so that the name it records is the one
/// that docs/metrics.md lists.
/// </summary>
/// <param name="Name">The dotted name, such as <c>k8s.namespace.name</c>.</param>
/// <param name="Meaning">What its values are, for the documentation; all of them when they are few.</param>
public sealed record MetricAttribute(string Name, string Meaning)
{
    /// <summary>The tag with a value.</summary>
    public KeyValuePair<string, object?> Of(object? value) => new(Name, value);
}
