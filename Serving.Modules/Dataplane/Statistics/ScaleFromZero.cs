namespace Serving.Dataplane.Statistics;

/// <summary>
/// A revision was scaled up from zero. Carries a duration instead of a time, so that the clocks of autoscaler and activator need not agree.
/// </summary>
/// <param name="Namespace">The revision's namespace.</param>
/// <param name="Revision">The revision.</param>
/// <param name="WriteTime">From the decision until the replicas were written, which is now.</param>
public readonly record struct ScaleFromZero(string Namespace, string Revision, TimeSpan WriteTime);
