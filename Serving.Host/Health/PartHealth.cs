namespace Serving.Host.Health;

/// <summary>One part of what a probe is told.</summary>
/// <param name="Name">The part: <c>caches</c>, or a module's name.</param>
/// <param name="Problem">What is wrong with it; null when nothing is.</param>
/// <param name="Remark">What should be known though the part passes, as that a leader failed; null for nothing.</param>
internal readonly record struct PartHealth(string Name, string? Problem, string? Remark = null);
