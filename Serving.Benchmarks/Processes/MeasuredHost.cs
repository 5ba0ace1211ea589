using System.Diagnostics;
using System.Globalization;
using System.Net;
using Serving.Api;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Manifests;

namespace Serving.Benchmarks.Processes;

/// <summary>A local cluster in a process of its own. Dispose stops it and deletes its data.</summary>
internal sealed class MeasuredHost : IAsyncDisposable
{
    private const string SystemNamespace = "knative-serving";
    private static readonly TimeSpan ResponseLimit = TimeSpan.FromMinutes(3);

    private readonly DirectoryInfo _directory;
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(30) };

    private MeasuredHost(DirectoryInfo directory, LocalProcess process, IPEndPoint gateway) =>
        (_directory, Process, Gateway) = (directory, process, gateway);

    /// <summary>The gateway's external listener.</summary>
    public IPEndPoint Gateway { get; }

    /// <summary>The process with control plane, API server and node.</summary>
    public LocalProcess Process { get; }

    /// <summary>The kubeconfig of the cluster's administrator.</summary>
    public string Kubeconfig => Path.Combine(_directory.FullName, "data", "kubeconfig");

    /// <summary>The API as the cluster's administrator.</summary>
    public ClusterClient Client { get; private set; } = null!;

    /// <summary>Starts a cluster with Services and waits until every host responds.</summary>
    /// <param name="host">The program.</param>
    /// <param name="yaml">The Services.</param>
    /// <param name="hosts">Their hosts.</param>
    /// <param name="environment">Variables of the process.</param>
    public static async Task<MeasuredHost> StartAsync(
        string host,
        string yaml,
        IReadOnlyList<string> hosts,
        params (string Name, string Value)[] environment
    )
    {
        var measured = await StartAsync(host, [], environment);
        try
        {
            await measured.ApplyAsync(yaml);
            foreach (var name in hosts)
                await measured.RespondsAsync(name);
            return measured;
        }
        catch
        {
            await measured.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts an empty cluster and waits until its control plane is ready.</summary>
    /// <param name="host">The program.</param>
    /// <param name="arguments">Further arguments of <c>local</c>.</param>
    /// <param name="environment">Variables of the process.</param>
    public static async Task<MeasuredHost> StartAsync(
        string host,
        IReadOnlyList<string> arguments,
        params (string Name, string Value)[] environment
    )
    {
        var directory = Directory.CreateTempSubdirectory("serving-measured-");
        var data = Path.Combine(directory.FullName, "data");
        var (api, gateway) = (FreePorts.Next(), FreePorts.Next());
        var process = HostLauncher.StartLocal(
            host,
            ["--data-dir", data, "--api-port", Text(api), "--gateway-port", Text(gateway), .. arguments],
            environment
        );
        var measured = new MeasuredHost(directory, process, new IPEndPoint(IPAddress.Loopback, gateway));
        try
        {
            await process.SaysAsync("control plane  ready");
            measured.Client = new ClusterClient(ClusterAccess.FromKubeconfig(measured.Kubeconfig));
            return measured;
        }
        catch
        {
            await measured.DisposeAsync();
            throw;
        }
    }

    /// <summary>Applies manifests.</summary>
    public Task ApplyAsync(string yaml) =>
        new ManifestApplier(Client, new ResourceDiscovery(Client)).ApplyTextAsync(
            "benchmark",
            yaml,
            "serving-benchmarks",
            CancellationToken.None
        );

    /// <summary>Sets a key of a ConfigMap of Serving; the running process takes it without a restart.</summary>
    public async Task ConfigureAsync(string map, string key, string value)
    {
        var current = await Client.GetAsync(Resources.ConfigMaps, SystemNamespace, map, CancellationToken.None);
        var data = new Dictionary<string, string>(current.Data) { [key] = value };
        await Client.UpdateAsync(Resources.ConfigMaps, current with { Data = data }, CancellationToken.None);
    }

    /// <summary>Waits until a host responds with success.</summary>
    /// <exception cref="TimeoutException">It did not in time.</exception>
    public async Task RespondsAsync(string host)
    {
        var watch = Stopwatch.StartNew();
        while (!await IsUpAsync(host))
        {
            if (Process.HasExited)
                throw new InvalidOperationException($"The host exited:\n{Process.Output}");
            if (watch.Elapsed > ResponseLimit)
                throw new TimeoutException($"{host} did not respond within {ResponseLimit}.");
            await Task.Delay(TimeSpan.FromMilliseconds(100));
        }
    }

    /// <summary>The metrics of the process, in Prometheus' text format.</summary>
    public async Task<string> ScrapeAsync() => await _http.GetStringAsync(new Uri($"http://{await AddressAsync("metrics")}/metrics"));

    /// <summary>The first address and port of a Service of Serving.</summary>
    public Task<string> AddressAsync(string service) => AddressAsync(SystemNamespace, service);

    /// <summary>The first address and port of a Service.</summary>
    public async Task<string> AddressAsync(string ns, string service)
    {
        var endpoints = await Client.GetAsync(Resources.Endpoints, ns, service, CancellationToken.None);
        var subset =
            endpoints.Subsets.FirstOrDefault(static one => one.Addresses.Count > 0)
            ?? throw new InvalidOperationException($"Service {ns}/{service} has no ready address.");
        return string.Create(CultureInfo.InvariantCulture, $"{subset.Addresses[0].Ip}:{subset.Ports[0].Port}");
    }

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        Client?.Dispose();
        _http.Dispose();
        _directory.Delete(recursive: true);
    }

    private async Task<bool> IsUpAsync(string host)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"http://{Gateway}/"));
            request.Headers.Host = host;
            using var response = await _http.SendAsync(request);
            return response.IsSuccessStatusCode;
        }
        catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException)
        {
            // It does not listen yet, or holds the request until a pod is ready: asked again until the limit.
            return false;
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
