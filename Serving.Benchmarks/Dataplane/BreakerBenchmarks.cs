using BenchmarkDotNet.Attributes;
using Serving.Dataplane.Throttling;

namespace Serving.Benchmarks.Dataplane;

/// <summary>The overhead of the breaker for a request that does not wait.</summary>
[MemoryDiagnoser]
[InProcess]
public class BreakerBenchmarks
{
    private readonly Breaker _bounded = new(queueDepth: 100, capacity: 10);
    private readonly Breaker _unlimited = new(queueDepth: 100, capacity: Breaker.Unlimited);

    [Benchmark]
    public bool Enter_and_exit_bounded() => Pass(_bounded);

    [Benchmark]
    public bool Enter_and_exit_unlimited() => Pass(_unlimited);

    private static bool Pass(Breaker breaker)
    {
        var entered = breaker.TryEnter();
        breaker.Exit();
        return entered;
    }
}
