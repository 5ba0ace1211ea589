namespace Serving.Dataplane.Statistics;

/// <summary>A stat and its revision, as activators send it to the autoscaler.</summary>
/// <param name="Namespace">The namespace of the revision.</param>
/// <param name="Name">The name of the revision.</param>
/// <param name="Stat">The stat.</param>
public readonly record struct WireStatMessage(string Namespace, string Name, Stat Stat);
