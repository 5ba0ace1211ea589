using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;

namespace Serving.Benchmarks.Soak;

/// <summary>Sends good traffic at a steady rate to a gateway in another process: alone, then together with each kind of hostile
/// clients.</summary>
/// <param name="gateway">The gateway's external listener.</param>
/// <param name="good">The host of a Service that responds at once.</param>
/// <param name="attack">Starts the hostile clients.</param>
/// <param name="process">The process whose memory is measured.</param>
internal sealed class SoakRun(IPEndPoint gateway, string good, Func<HostileKinds, IHostileTraffic> attack, int process)
{
    private static readonly TimeSpan MemoryPeriod = TimeSpan.FromSeconds(5);

    private readonly ConcurrentQueue<string> _failures = new();

    /// <summary>Runs the soak test.</summary>
    /// <param name="rate">Good requests per second.</param>
    /// <param name="alone">The duration without hostile clients.</param>
    /// <param name="beside">The duration with <see cref="HostileKinds.Cheap"/> clients.</param>
    /// <param name="besideAll">The duration with <see cref="HostileKinds.All"/> clients.</param>
    public async Task<SoakReport> RunAsync(int rate, TimeSpan alone, TimeSpan beside, TimeSpan besideAll)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false, PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30) })
        {
            BaseAddress = new Uri($"http://{gateway}"),
            Timeout = TimeSpan.FromSeconds(60),
        };
        await SendAtRateAsync(http, rate, TimeSpan.FromSeconds(5));
        var phases = new List<SoakPhase> { Phase("alone", await SendAtRateAsync(http, rate, alone), 0) };
        using var stop = new CancellationTokenSource();
        var memory = SampleMemoryAsync(stop.Token);
        phases.Add(await BesideAsync(http, rate, beside, HostileKinds.Cheap));
        phases.Add(await BesideAsync(http, rate, besideAll, HostileKinds.All));
        await stop.CancelAsync();
        return new SoakReport
        {
            Rate = rate,
            Phases = phases,
            Failed = _failures.Count,
            Failures = [.. _failures.Take(10)],
            ResidentMebibytes = await memory,
        };
    }

    private async Task<SoakPhase> BesideAsync(HttpClient http, int rate, TimeSpan duration, HostileKinds kinds)
    {
        await using var hostile = attack(kinds);
        var latencies = await SendAtRateAsync(http, rate, duration);
        return Phase($"beside {kinds}", latencies, await hostile.StopAsync());
    }

    private static SoakPhase Phase(string name, List<double> latencies, long connections) =>
        new(name, latencies.Count, Percentile(latencies, 0.5), Percentile(latencies, 0.99), connections);

    private async Task<List<double>> SendAtRateAsync(HttpClient http, int rate, TimeSpan duration)
    {
        var latencies = new ConcurrentQueue<double>();
        var requests = new List<Task>();
        var watch = Stopwatch.StartNew();
        for (var sent = 0; watch.Elapsed < duration; )
        {
            for (var due = (int)(watch.Elapsed.TotalSeconds * rate); sent < due; sent++)
                requests.Add(SendAsync(http, latencies));
            await Task.Delay(TimeSpan.FromMilliseconds(5));
        }

        await Task.WhenAll(requests);
        return [.. latencies];
    }

    private async Task SendAsync(HttpClient http, ConcurrentQueue<double> latencies)
    {
        var started = Stopwatch.GetTimestamp();
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/");
            request.Headers.Host = good;
            using var response = await http.SendAsync(request);
            if (!response.IsSuccessStatusCode)
                _failures.Enqueue($"{(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}");
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException)
        {
            _failures.Enqueue(exception.Message);
        }

        latencies.Enqueue(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
    }

    private async Task<IReadOnlyList<double>> SampleMemoryAsync(CancellationToken cancellation)
    {
        var samples = new List<double>();
        using var timer = new PeriodicTimer(MemoryPeriod);
        try
        {
            do
            {
                using var measured = Process.GetProcessById(process);
                samples.Add(Math.Round(measured.WorkingSet64 / 1048576.0, 1));
            } while (await timer.WaitForNextTickAsync(cancellation));
        }
        catch (Exception exception) when (exception is OperationCanceledException or ArgumentException)
        {
            // The run or the process has ended; failed good requests show the latter.
        }

        return samples;
    }

    private static double Percentile(List<double> values, double share)
    {
        if (values.Count == 0)
            return 0;
        values.Sort();
        return Math.Round(values[(int)((values.Count - 1) * share)], 2);
    }
}
