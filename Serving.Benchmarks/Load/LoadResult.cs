using Serving.Benchmarks.Report.Model;

namespace Serving.Benchmarks.Load;

/// <summary>The requests of an open load, and why the first that failed did.</summary>
/// <param name="Requests">All requests, in the order in which they were due.</param>
/// <param name="Failures">At most ten reasons.</param>
internal sealed record LoadResult(IReadOnlyList<LoadedRequest> Requests, IReadOnlyList<string> Failures)
{
    /// <summary>The number of requests that failed.</summary>
    public int Failed => Requests.Count(static one => !one.Succeeded);

    /// <summary>How late requests were sent.</summary>
    /// <param name="share">From 0 to 1.</param>
    public double Late(double share) => Percentile.Of(Requests.Select(static one => one.LateMilliseconds), share);

    /// <summary>The latency of the requests that succeeded, from when they were due.</summary>
    /// <param name="share">From 0 to 1.</param>
    public double Latency(double share) =>
        Percentile.Of(Requests.Where(static one => one.Succeeded).Select(static one => one.LatencyMilliseconds), share);
}
