using BenchmarkDotNet.Attributes;
using Microsoft.AspNetCore.Http;
using Serving.Networking.Gateway.Routing;

namespace Serving.Benchmarks.Gateway;

/// <summary>The cost of matching the route of a request, by the number of hosts. It must not allocate and must be independent of that
/// number.</summary>
[MemoryDiagnoser]
[InProcess]
public class RouteMatchBenchmarks
{
    private readonly HeaderDictionary _headers = [];
    private HostTable _table = HostTable.Empty;

    /// <summary>The number of hosts in the table.</summary>
    [Params(10, 10_000)]
    public int Hosts { get; set; }

    [GlobalSetup]
    public void SetUp() =>
        _table = new HostTable(
            Enumerable.Range(0, Hosts).Select(number => KeyValuePair.Create($"service-{number}.default.example.com", new HostRoutes([])))
        );

    [Benchmark]
    public object? Known_host() => _table.Find("service-7.default.example.com:8080");

    [Benchmark]
    public object? Unknown_host() => _table.Find("nobody.default.example.com");

    [Benchmark]
    public object? Known_host_and_path() => _table.Find("service-7.default.example.com")!.Match("/", _headers);
}
