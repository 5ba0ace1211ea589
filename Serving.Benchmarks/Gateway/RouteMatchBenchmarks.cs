using BenchmarkDotNet.Attributes;
using Microsoft.AspNetCore.Http;
using Serving.Networking.Gateway.Routing;

namespace Serving.Benchmarks.Gateway;

/// <summary>What finding the route of a request costs, by the number of hosts. It must neither allocate nor grow with them.</summary>
[MemoryDiagnoser]
[InProcess]
public class RouteMatchBenchmarks
{
    private readonly HeaderDictionary headers = [];
    private HostTable table = HostTable.Empty;

    /// <summary>Hosts in the table.</summary>
    [Params(10, 10_000)]
    public int Hosts { get; set; }

    [GlobalSetup]
    public void SetUp() => table = new HostTable(
        Enumerable.Range(0, Hosts).Select(number => KeyValuePair.Create($"service-{number}.default.example.com", new HostRoutes([]))));

    [Benchmark]
    public object? Known_host() => table.Find("service-7.default.example.com:8080");

    [Benchmark]
    public object? Unknown_host() => table.Find("nobody.default.example.com");

    [Benchmark]
    public object? Known_host_and_path() => table.Find("service-7.default.example.com")!.Match("/", headers);
}
