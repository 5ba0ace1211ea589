namespace Serving.StatusPages.Models;

/// <summary>A parameter of the autoscaler.</summary>
/// <param name="Title">The parameter.</param>
/// <param name="Result">Its value.</param>
/// <param name="Why">What it means.</param>
/// <param name="Source">The annotation, the field or the key of a ConfigMap that the value is from.</param>
public sealed record ParameterRow(string Title, string Result, string Why, string Source);
