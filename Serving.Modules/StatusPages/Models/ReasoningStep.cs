namespace Serving.StatusPages.Models;

/// <summary>A step of the autoscaler's reasoning.</summary>
/// <param name="Title">What is decided.</param>
/// <param name="Result">The result.</param>
/// <param name="Why">How it follows from the steps before.</param>
public sealed record ReasoningStep(string Title, string Result, string Why);
