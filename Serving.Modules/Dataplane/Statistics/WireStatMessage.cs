namespace Serving.Dataplane.Statistics;

/// <summary>A measurement with the revision it belongs to, as activators send it to the autoscaler.</summary>
/// <param name="Namespace">The namespace of the revision.</param>
/// <param name="Name">The name of the revision.</param>
/// <param name="Stat">What was measured.</param>
public readonly record struct WireStatMessage(string Namespace, string Name, Stat Stat);
