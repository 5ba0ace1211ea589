namespace Serving.Benchmarks.Load;

/// <summary>A round of a contender.</summary>
/// <param name="RequestsPerSecond">The rate.</param>
/// <param name="Microseconds">CPU time per request.</param>
/// <param name="P50Milliseconds">The median latency.</param>
/// <param name="P99Milliseconds">The latency that one request in a hundred exceeds.</param>
/// <param name="Mebibytes">Resident memory right after the load.</param>
internal sealed record ContenderSample(
    double RequestsPerSecond,
    double Microseconds,
    double P50Milliseconds,
    double P99Milliseconds,
    double Mebibytes
);
