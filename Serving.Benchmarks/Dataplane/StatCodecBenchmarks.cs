using BenchmarkDotNet.Attributes;
using Serving.Dataplane.Statistics;

namespace Serving.Benchmarks.Dataplane;

/// <summary>The cost of encoding and decoding one scrape of a pod.</summary>
[MemoryDiagnoser]
[InProcess]
public class StatCodecBenchmarks
{
    private static readonly Stat Stat = new()
    {
        PodName = "hello-00001-deployment-7c9f5d6b8-abcde",
        AverageConcurrentRequests = 12.5,
        RequestCount = 1234,
    };
    private readonly byte[] _encoded = StatCodec.Encode(Stat);

    [Benchmark]
    public byte[] Encode() => StatCodec.Encode(Stat);

    [Benchmark]
    public Stat Decode() => StatCodec.Decode(_encoded);
}
