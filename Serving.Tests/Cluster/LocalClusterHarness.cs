using System.Net;
using FluentAssertions;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Kubernetes;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster;

/// <summary>
/// A built host running <c>local</c> on free ports and a data directory of its own, with clients for its API and its gateway.
/// Disposing it stops the host; it deletes the data directory only when it made it.
/// </summary>
internal sealed class LocalClusterHarness : IAsyncDisposable
{
    private const string ReadyLine = "control plane  ready";
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(120);

    private readonly bool ownsDirectory;

    private LocalClusterHarness(HostProcess host, string directory, bool ownsDirectory, int gatewayPort)
    {
        Host = host;
        DataDirectory = directory;
        this.ownsDirectory = ownsDirectory;
        GatewayPort = gatewayPort;
        Client = new KubernetesClient(KubernetesConfiguration.FromKubeconfig(Path.Combine(directory, "kubeconfig")));
        Gateway = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false })
        {
            BaseAddress = new Uri($"http://127.0.0.1:{gatewayPort}"),
            Timeout = TimeSpan.FromSeconds(60),
        };
    }

    /// <summary>The process; its output is kept.</summary>
    public HostProcess Host { get; }

    /// <summary>Where the cluster keeps its state.</summary>
    public string DataDirectory { get; }

    /// <summary>The gateway's port of 127.0.0.1.</summary>
    public int GatewayPort { get; }

    /// <summary>The Kubernetes API as the cluster's administrator.</summary>
    public KubernetesClient Client { get; }

    /// <summary>Talks to the gateway; each request names its host.</summary>
    public HttpClient Gateway { get; }

    /// <summary>Starts the host and waits until it says that the control plane is ready.</summary>
    /// <param name="dataDirectory">The directory of an earlier run; a new one when null.</param>
    /// <param name="arguments">More arguments of <c>local</c>.</param>
    public static async Task<LocalClusterHarness> StartAsync(string? dataDirectory = null, params string[] arguments)
    {
        var directory = dataDirectory ?? Directory.CreateTempSubdirectory("serving-test-").FullName;
        var ports = FreePorts.Of(IPAddress.Loopback, 2);
        var host = HostProcess.Start(
            ["local", "--plain", "--data-dir", directory, "--api-port", $"{ports[0]}", "--gateway-port", $"{ports[1]}", .. arguments]);
        try
        {
            await Eventually.HoldsAsync(() => (host.HasExited || host.Output.Contains(ReadyLine, StringComparison.Ordinal)).Should().BeTrue(host.Output), StartLimit);
            host.HasExited.Should().BeFalse(host.Output);
            return new LocalClusterHarness(host, directory, dataDirectory is null, ports[1]);
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>Applies manifests in YAML as <c>kubectl apply --server-side</c> does.</summary>
    public Task ApplyAsync(string yaml)
        => new ManifestApplier(Client, new ResourceDiscovery(Client)).ApplyTextAsync("test", yaml, "serving-tests", CancellationToken.None);

    /// <summary>The condition of a Service that says whether it is ready; null while it has none.</summary>
    public async Task<Condition?> ReadyOfAsync(string ns, string name)
        => (await Client.GetAsync(Resources.KnativeServices, ns, name, CancellationToken.None)).Status.Conditions.FirstOrDefault(condition => condition.Type == "Ready");

    /// <summary>Waits until a Service is ready, and gives it.</summary>
    public async Task<Service> WaitForReadyAsync(string ns, string name, TimeSpan? within = null)
    {
        await Eventually.HoldsAsync(async () => (await ReadyOfAsync(ns, name)).Should().Match<Condition>(condition => condition.Status == "True"), within ?? TimeSpan.FromSeconds(90));
        return await Client.GetAsync(Resources.KnativeServices, ns, name, CancellationToken.None);
    }

    /// <summary>Sends a GET through the gateway to a host, as <c>curl -H "Host: …"</c> would.</summary>
    public async Task<(HttpStatusCode Status, string Body)> GetAsync(string host, string path = "/")
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Host = host } };
        using var response = await Gateway.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    public async ValueTask DisposeAsync()
    {
        Gateway.Dispose();
        Client.Dispose();
        await Host.DisposeAsync();
        if (ownsDirectory)
        {
            Directory.Delete(DataDirectory, recursive: true);
        }
    }
}
