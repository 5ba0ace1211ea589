namespace Serving.Networking.Gateway.Telemetry;

/// <summary>Identifies the traffic of one Route to one backend.</summary>
/// <param name="Namespace">The namespace of the backend.</param>
/// <param name="Backend">The name of the Revision, otherwise of the Kubernetes Service.</param>
/// <param name="IsRevision">Whether the backend is a Revision.</param>
/// <param name="Route">The Route; empty for an Ingress of none.</param>
internal readonly record struct TrafficKey(string Namespace, string Backend, bool IsRevision, string Route)
{
    /// <summary>The Revision; empty for none.</summary>
    public string Revision => IsRevision ? Backend : "";
}
