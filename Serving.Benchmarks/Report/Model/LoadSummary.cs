namespace Serving.Benchmarks.Report.Model;

/// <summary>What a program that puts a server under load reports.</summary>
/// <param name="Requests">The number of responses.</param>
/// <param name="RequestsPerSecond">The rate.</param>
/// <param name="P50Milliseconds">The median latency.</param>
/// <param name="P99Milliseconds">The latency that one request in a hundred exceeds.</param>
/// <param name="Errors">Responses that are no success, and requests without a response.</param>
internal sealed record LoadSummary(long Requests, double RequestsPerSecond, double P50Milliseconds, double P99Milliseconds, long Errors);
