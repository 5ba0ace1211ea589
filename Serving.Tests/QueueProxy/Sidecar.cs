using System.Globalization;
using System.Net;
using FluentAssertions;
using Serving.Tests.Support;

namespace Serving.Tests.QueueProxy;

/// <summary>A running sidecar, on free ports of its own loopback address; the derived class decides whether in a process or a
/// container.</summary>
internal abstract class Sidecar : IAsyncDisposable
{
    private static int _last;

    /// <param name="endpoints">Where it listens.</param>
    protected Sidecar(SidecarEndpoints endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        (Serving, Admin, Stats, UserMetrics) = (Uri("http", 0), Uri("http", 1), Uri("http", 2), Uri("http", 3));
        Tls = Uri("https", 4);

        Uri Uri(string scheme, int port) => new($"{scheme}://{endpoints.Address}:{endpoints.Ports[port]}/");
    }

    public Uri Serving { get; }

    public Uri Admin { get; }

    public Uri Stats { get; }

    public Uri UserMetrics { get; }

    public Uri Tls { get; }

    /// <summary>Whether it has exited.</summary>
    public abstract Task<bool> HasExitedAsync();

    /// <summary>Waits until it reports that the user's program is ready.</summary>
    public Task ReadyAsync(HttpClient client) =>
        Eventually.HoldsAsync(
            async () =>
            {
                using var response = await ProbeAsync(client);
                (await response.Content.ReadAsStringAsync()).Should().Be("queue");
            },
            TimeSpan.FromSeconds(30)
        );

    /// <summary>Probes its readiness like the kubelet.</summary>
    public async Task<HttpResponseMessage> ProbeAsync(HttpClient client)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Serving);
        request.Headers.Add("K-Network-Probe", "queue");
        request.Headers.TryAddWithoutValidation("User-Agent", "kube-probe/1.30");
        return await client.SendAsync(request);
    }

    /// <summary>What it wrote until now, standard output and error.</summary>
    public abstract Task<string> OutputAsync();

    /// <summary>Sends SIGTERM.</summary>
    public abstract Task TerminateAsync();

    /// <summary>Waits until it has exited.</summary>
    public abstract Task<int> ExitCodeAsync();

    public abstract ValueTask DisposeAsync();

    /// <summary>An address that no other sidecar of this run has, with free ports: serving, admin, statistics, user's metrics,
    /// TLS.</summary>
    protected static SidecarEndpoints NextEndpoints()
    {
        var address = new IPAddress([127, 98, (byte)(Environment.ProcessId % 250), (byte)(1 + (Interlocked.Increment(ref _last) % 250))]);
        return new SidecarEndpoints(address, FreePorts.Of(address, 5));
    }

    /// <summary>The variables that a pod gives its sidecar; <paramref name="variables"/> are added or take their place.</summary>
    protected static Dictionary<string, string> VariablesOf(
        SidecarEndpoints endpoints,
        int userPort,
        IEnumerable<(string Name, string Value)> variables
    )
    {
        var (address, ports) = endpoints;
        var all = new Dictionary<string, string>
        {
            ["SERVING_NAMESPACE"] = "ns",
            ["SERVING_CONFIGURATION"] = "config",
            ["SERVING_REVISION"] = "rev",
            ["SERVING_POD"] = "pod-1",
            ["SERVING_POD_IP"] = address.ToString(),
            ["QUEUE_SERVING_PORT"] = Text(ports[0]),
            ["QUEUE_SERVING_TLS_PORT"] = Text(ports[4]),
            ["QUEUE_USER_METRICS_PORT"] = Text(ports[3]),
            ["QUEUE_ADMIN_PORT"] = Text(ports[1]),
            ["QUEUE_METRICS_PORT"] = Text(ports[2]),
            ["USER_PORT"] = Text(userPort),
            ["CONTAINER_CONCURRENCY"] = "0",
            ["REVISION_TIMEOUT_SECONDS"] = "30",
            ["SERVING_READINESS_PROBE"] = $$"""{"tcpSocket":{"host":"127.0.0.1","port":{{userPort}}},"successThreshold":1}""",
        };
        foreach (var (name, value) in variables)
            all[name] = value;
        return all;
    }

    protected static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>Where a sidecar listens.</summary>
    protected sealed record SidecarEndpoints(IPAddress Address, int[] Ports);
}
