namespace Serving.Benchmarks.Telemetry;

/// <summary>One measurement of one mode.</summary>
/// <param name="RequestsPerSecond">The requests that were answered per second.</param>
/// <param name="HostMicroseconds">CPU time of the process with the gateway per request.</param>
/// <param name="SidecarMicroseconds">CPU time of the sidecar per request.</param>
internal sealed record TelemetrySample(double RequestsPerSecond, double HostMicroseconds, double SidecarMicroseconds);
