using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace Serving.Benchmarks.Processes;

/// <summary>A queue-proxy outside of a pod, before a program on the loopback address. Dispose stops it.</summary>
internal sealed class Sidecar : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    private readonly LocalProcess _process;

    private Sidecar(LocalProcess process, Uri address, TimeSpan untilResponse) =>
        (_process, Address, UntilResponse) = (process, address, untilResponse);

    /// <summary>Where it serves.</summary>
    public Uri Address { get; }

    /// <summary>From the start of its process until its first response.</summary>
    public TimeSpan UntilResponse { get; }

    /// <summary>The CPU time that it has used.</summary>
    public TimeSpan Cpu => _process.Cpu;

    /// <summary>Its resident memory in MiB.</summary>
    public double ResidentMebibytes => _process.ResidentMebibytes;

    /// <summary>Starts it and waits for its first response.</summary>
    /// <param name="program">A native program or a .dll.</param>
    /// <param name="userPort">The port of the program behind it.</param>
    /// <param name="hasMetrics">Whether it records the metrics of requests and serves them.</param>
    public static async Task<Sidecar> StartAsync(string program, int userPort, bool hasMetrics = false)
    {
        var address = new IPAddress([127, 96, (byte)Random.Shared.Next(1, 255), (byte)Random.Shared.Next(1, 255)]).ToString();
        var (port, user) = (FreePorts.Next(), userPort.ToString(CultureInfo.InvariantCulture));
        var environment = new Dictionary<string, string>
        {
            ["SERVING_NAMESPACE"] = "bench",
            ["SERVING_REVISION"] = "bench",
            ["SERVING_POD"] = "bench",
            ["SERVING_POD_IP"] = address,
            ["QUEUE_SERVING_PORT"] = port.ToString(CultureInfo.InvariantCulture),
            ["QUEUE_ADMIN_PORT"] = FreePorts.Next().ToString(CultureInfo.InvariantCulture),
            ["QUEUE_METRICS_PORT"] = FreePorts.Next().ToString(CultureInfo.InvariantCulture),
            ["USER_PORT"] = user,
            ["CONTAINER_CONCURRENCY"] = "0",
            ["REVISION_TIMEOUT_SECONDS"] = "300",
            ["SERVING_LOGGING_LEVEL"] = "error",
            ["DRAIN_QUIET_SECONDS"] = "0",
            ["SERVING_READINESS_PROBE"] = $$"""{"tcpSocket":{"host":"127.0.0.1","port":{{user}}},"successThreshold":1}""",
        };
        if (hasMetrics)
            environment["OBSERVABILITY_CONFIG"] = string.Create(
                CultureInfo.InvariantCulture,
                $$$"""{"requestMetrics": {"protocol": "prometheus", "endpoint": "{{{address}}}:{{{FreePorts.Next()}}}"}}"""
            );
        var started = Stopwatch.GetTimestamp();
        var process = new LocalProcess(program, [], environment);
        var uri = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://{address}:{port}/"));
        try
        {
            await RespondsAsync(process, uri, TimeSpan.FromMilliseconds(1));
            return new Sidecar(process, uri, Stopwatch.GetElapsedTime(started));
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits until a process responds with success.</summary>
    /// <param name="process">The process.</param>
    /// <param name="uri">Where it serves.</param>
    /// <param name="pause">The time between two attempts.</param>
    public static async Task RespondsAsync(LocalProcess process, Uri uri, TimeSpan pause)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { Timeout = StartLimit };
        var watch = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                using var response = await http.GetAsync(uri);
                if (response.IsSuccessStatusCode)
                    return;
            }
            catch (HttpRequestException)
            {
                // It does not listen yet.
            }

            if (process.HasExited)
                throw new InvalidOperationException($"It ended before it responded:\n{process.Output}");
            if (watch.Elapsed > StartLimit)
                throw new TimeoutException($"{uri} did not respond within {StartLimit}:\n{process.Output}");
            await Task.Delay(pause);
        }
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();
}
