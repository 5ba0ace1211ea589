namespace Serving.Host.Health;

/// <summary>The health of one part.</summary>
/// <param name="Name">The part: <c>caches</c>, or a module's name.</param>
/// <param name="Problem">Why it is unhealthy; null when it is healthy.</param>
/// <param name="Remark">A note about a healthy part, such as a failed leader; null for none.</param>
internal readonly record struct PartHealth(string Name, string? Problem, string? Remark = null);
