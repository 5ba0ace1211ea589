namespace Serving.Benchmarks.Soak;

/// <summary>The good requests of a part of a soak test.</summary>
/// <param name="Name">What ran beside them.</param>
/// <param name="Requests">Their number.</param>
/// <param name="P50Milliseconds">The median latency.</param>
/// <param name="P99Milliseconds">The latency that one request in a hundred exceeds.</param>
/// <param name="HostileConnections">The number of connections by hostile clients.</param>
internal sealed record SoakPhase(string Name, int Requests, double P50Milliseconds, double P99Milliseconds, long HostileConnections);
