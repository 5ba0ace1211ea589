namespace Serving.LocalCluster.ApiServer;

/// <summary>One check of <c>/readyz</c>.</summary>
/// <param name="Name">The name, such as <c>admission</c>.</param>
/// <param name="Problem">Why it fails; null when it passes.</param>
public readonly record struct ReadinessCheck(string Name, string? Problem);
