namespace Serving.LocalCluster.ApiServer;

/// <summary>One part of what <c>/readyz</c> says.</summary>
/// <param name="Name">The part, as <c>admission</c>.</param>
/// <param name="Problem">What is wrong with it; null when nothing is.</param>
public readonly record struct ReadinessCheck(string Name, string? Problem);
