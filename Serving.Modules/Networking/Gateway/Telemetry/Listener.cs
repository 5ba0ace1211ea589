namespace Serving.Networking.Gateway.Telemetry;

/// <summary>The listener that a request came through.</summary>
internal enum Listener
{
    External,
    ClusterLocal,
}
