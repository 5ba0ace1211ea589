using System.Diagnostics;
using System.Net;
using Serving.Api;
using Serving.Benchmarks.Processes;
using Serving.Dataplane.Servers;
using Serving.Kubernetes.Client;

namespace Serving.Benchmarks.Telemetry;

/// <summary>
/// Puts the gateway of a local cluster under load in every mode, in turns, and measures CPU per request of gateway and sidecar. The mode
/// changes in the running process, so that everything else is the same. The collector is in this process, whose CPU does not count.
/// </summary>
/// <param name="client">The API of the cluster.</param>
/// <param name="gateway">The gateway.</param>
/// <param name="host">The process with the gateway.</param>
internal sealed class TelemetryRun(ClusterClient client, IPEndPoint gateway, int host)
{
    /// <summary>The connections of the load.</summary>
    public const int Connections = 16;

    private const string Revision = "bench-00001";

    /// <summary>The host of the Service.</summary>
    public const string Host = "bench.default.localhost";
    private static readonly TimeSpan RolloutLimit = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(3);

    /// <summary>The Service that is measured: requests go from the gateway to its sidecar.</summary>
    public const string Manifest = """
        apiVersion: serving.knative.dev/v1
        kind: Service
        metadata: {name: bench, namespace: default}
        spec:
          template:
            metadata:
              annotations:
                autoscaling.knative.dev/min-scale: "1"
                autoscaling.knative.dev/max-scale: "1"
                autoscaling.knative.dev/target-burst-capacity: "0"
            spec:
              containers: [{image: ghcr.io/serving-samples/helloworld}]
        """;

    /// <summary>Measures.</summary>
    /// <param name="rounds">How often each mode is measured.</param>
    /// <param name="duration">The duration of a measurement.</param>
    /// <param name="metricsPort">A free port for the metrics of the host.</param>
    public async Task<TelemetryReport> RunAsync(int rounds, TimeSpan duration, int metricsPort)
    {
        await using var collector = new DataplaneServer(
            new DataplaneServerOptions { Endpoints = [new(IPAddress.Loopback, 0)] },
            static async context => await context.Request.Body.CopyToAsync(Stream.Null)
        );
        await collector.StartAsync(CancellationToken.None);
        var endpoint = new Uri($"http://{collector.Endpoints[0]}");
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false, MaxConnectionsPerServer = Connections });
        var samples = TelemetryMode.All.ToDictionary(static mode => mode.Name, static _ => new List<TelemetrySample>());
        await LoadAsync(http, TimeSpan.FromSeconds(10));
        for (var round = 0; round < rounds; round++)
        {
            // There and back: what a mode leaves behind hits the next one, and not always the same.
            foreach (var mode in round % 2 == 0 ? TelemetryMode.All : TelemetryMode.All.Reverse())
            {
                var sidecar = await SwitchAsync(mode, endpoint, metricsPort);
                await LoadAsync(http, WarmUp);
                var (hostBefore, sidecarBefore) = (ProcessCpu.Of(host), ProcessCpu.Of(sidecar));
                var requests = await LoadAsync(http, duration);
                var sample = new TelemetrySample(
                    requests / duration.TotalSeconds,
                    (ProcessCpu.Of(host) - hostBefore).TotalMicroseconds / requests,
                    (ProcessCpu.Of(sidecar) - sidecarBefore).TotalMicroseconds / requests
                );
                samples[mode.Name].Add(sample);
                await Console.Error.WriteLineAsync($"round {round + 1}  {mode.Name}  {sample}");
            }
        }

        return new TelemetryReport(
            Connections,
            [.. TelemetryMode.All.Select(mode => new TelemetryReport.Row(mode.Name, samples[mode.Name]))]
        );
    }

    /// <summary>Sets a mode, and waits until the only sidecar has it; returns its process.</summary>
    private async Task<int> SwitchAsync(TelemetryMode mode, Uri collector, int metricsPort)
    {
        const string Name = "config-observability";
        var current = await client.GetAsync(Resources.ConfigMaps, "knative-serving", Name, CancellationToken.None);
        var data = new Dictionary<string, string>(mode.Data(collector, metricsPort));
        if (current.Data.TryGetValue("_example", out var example))
            data["_example"] = example;
        await client.UpdateAsync(Resources.ConfigMaps, current with { Data = data }, CancellationToken.None);
        var watch = Stopwatch.StartNew();
        while (watch.Elapsed < RolloutLimit)
        {
            if (ProcessCpu.Sidecars(Revision) is [var only] && mode.IsOf(only.Configuration))
                return only.Process;
            await Task.Delay(TimeSpan.FromMilliseconds(200));
        }

        throw new TimeoutException($"The sidecar did not get the mode \"{mode.Name}\" within {RolloutLimit}.");
    }

    /// <summary>Sends requests over all connections; returns the number of responses.</summary>
    private async Task<int> LoadAsync(HttpClient http, TimeSpan duration)
    {
        var watch = Stopwatch.StartNew();
        var counts = await Task.WhenAll(Enumerable.Range(0, Connections).Select(_ => SendAsync()));
        return counts.Sum();

        async Task<int> SendAsync()
        {
            var count = 0;
            for (; watch.Elapsed < duration; count++)
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"http://{gateway}/"));
                request.Headers.Host = Host;
                using var response = await http.SendAsync(request);
                response.EnsureSuccessStatusCode();
            }

            return count;
        }
    }
}
