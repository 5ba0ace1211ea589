namespace Serving.Benchmarks.Load;

/// <summary>What became of a request of an open load.</summary>
/// <param name="DueSeconds">When it was due, after the start of the load.</param>
/// <param name="LateMilliseconds">How much later it was sent: the generator's own delay, which is part of the latency.</param>
/// <param name="LatencyMilliseconds">From when it was due until its body was read.</param>
/// <param name="Succeeded">Whether the response had a status of success.</param>
internal readonly record struct LoadedRequest(double DueSeconds, double LateMilliseconds, double LatencyMilliseconds, bool Succeeded);
