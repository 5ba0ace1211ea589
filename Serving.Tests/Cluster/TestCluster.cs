using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Kubernetes;
using Serving.Tests.Cluster.Deployed;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster;

/// <summary>
/// A cluster with Serving on it: the one that <c>SERVING_TEST_KUBECONFIG</c> names, else a local one of the test's own. Tests see no
/// difference between the two but the processes of this machine, which only the local one has.
/// </summary>
internal abstract class TestCluster : IAsyncDisposable
{
    /// <summary>Where the control plane is installed.</summary>
    public const string SystemNamespace = "knative-serving";

    private const string KubeconfigVariable = "SERVING_TEST_KUBECONFIG";
    private const string GatewayVariable = "SERVING_TEST_GATEWAY";
    private const string HttpsGatewayVariable = "SERVING_TEST_HTTPS_GATEWAY";
    private const string ImagesVariable = "SERVING_TEST_IMAGES";

    private readonly string images;

    /// <param name="kubeconfig">The cluster, as its administrator.</param>
    /// <param name="gateway">Where the gateway listens for clients outside.</param>
    /// <param name="images">The registry and path before the names of the samples' images.</param>
    protected TestCluster(string kubeconfig, Uri gateway, string images)
    {
        this.images = images.TrimEnd('/');
        Kubeconfig = kubeconfig;
        Client = new KubernetesClient(KubernetesConfiguration.FromKubeconfig(kubeconfig));
        Gateway = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false }) { BaseAddress = gateway, Timeout = TimeSpan.FromSeconds(60) };
    }

    /// <summary>The file by which kubectl finds the cluster, as its administrator.</summary>
    public string Kubeconfig { get; }

    /// <summary>The Kubernetes API as the cluster's administrator.</summary>
    public KubernetesClient Client { get; }

    /// <summary>Talks to the gateway; each request names its host.</summary>
    public HttpClient Gateway { get; }

    /// <summary>The image of the sample that greets <c>$TARGET</c>.</summary>
    public string HelloImage => $"{images}/helloworld";

    /// <summary>The image of the sample that takes <c>?sleep=MILLISECONDS</c>.</summary>
    public string SleepImage => $"{images}/autoscale";

    /// <summary>The image of <c>Serving.TestPrograms</c>.</summary>
    public string ProgramImage => $"{images}/testprograms";

    /// <summary>How a container of that image runs its program, as the command of a probe.</summary>
    public virtual string ProgramCommand => "/app/Serving.TestPrograms";

    /// <summary>
    /// Where programs of the cluster reach the gateway's listener for clients inside, as IP:PORT; null where the cluster's DNS leads them
    /// there by the names of Services.
    /// </summary>
    /// <param name="https">Its listener for HTTPS.</param>
    public virtual Task<string?> InternalGatewayAsync(bool https = false) => Task.FromResult<string?>(null);

    /// <summary>Connects to the gateway whatever host a request names.</summary>
    public SocketsHttpHandler HandlerOfGateway() => HandlerTo(Gateway.BaseAddress!);

    /// <summary>Connects to the gateway's listener for HTTPS whatever host a request names.</summary>
    public SocketsHttpHandler HandlerOfHttpsGateway() => HandlerTo(HttpsGateway ?? throw new InvalidOperationException("the gateway of this cluster has no HTTPS"));

    /// <summary>Where the gateway listens for HTTPS; null where it does not.</summary>
    protected virtual Uri? HttpsGateway => null;

    private static SocketsHttpHandler HandlerTo(Uri gateway) => new()
    {
        UseProxy = false,
        AllowAutoRedirect = false,
        ConnectCallback = async (_, cancellation) =>
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(gateway.Host, gateway.Port, cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    };

    /// <summary>The image of another version of the host, to upgrade to; null where only the cluster's user knows one.</summary>
    public virtual string? UpgradeImage => null;

    /// <summary>The cluster to test: the one that is named, else a new local one.</summary>
    public static async Task<TestCluster> OpenAsync() => Named() ?? await LocalClusterHarness.StartAsync();

    /// <summary>As <see cref="OpenAsync"/>, but the control plane is the installed Deployment on a local cluster too.</summary>
    public static async Task<TestCluster> OpenDeployedAsync() => Named() ?? await DeployedCluster.StartAsync("serving.yaml", DeployedCluster.WithShortDrainAndLeases);

    /// <summary>As <see cref="OpenDeployedAsync"/>, and the gateway listens for HTTPS. Skips the test when a cluster is named, and not where its HTTPS is.</summary>
    public static async Task<TestCluster> OpenWithHttpsAsync()
    {
        if (Named() is { } named)
        {
            if (named.HttpsGateway is null)
            {
                await named.DisposeAsync();
                Assert.Ignore($"{KubeconfigVariable} names a cluster, and {HttpsGatewayVariable} does not say where its gateway listens for HTTPS, as https://10.0.0.1:443");
            }

            return named;
        }

        return await DeployedCluster.StartAsync("serving.yaml", manifest => DeployedCluster.WithHttps(DeployedCluster.WithShortDrainAndLeases(manifest)));
    }

    private static TestCluster? Named()
    {
        if (Variable(KubeconfigVariable) is not { } kubeconfig)
        {
            return null;
        }

        // Said as a failure: a run that was to test a cluster must not pass without it.
        var gateway = Variable(GatewayVariable) ?? throw new InvalidOperationException($"{KubeconfigVariable} names a cluster; {GatewayVariable} must say where its gateway is, as http://10.0.0.1:80");
        var images = Variable(ImagesVariable) ?? throw new InvalidOperationException($"{KubeconfigVariable} names a cluster; {ImagesVariable} must say where its images are, as registry.example.com/samples");
        return new NamedCluster(kubeconfig, new Uri(gateway), Variable(HttpsGatewayVariable) is { } https ? new Uri(https) : null, images);
    }

    /// <summary>Skips the test, saying why, when another cluster than the local one is being tested.</summary>
    /// <param name="why">What the test needs that only the local cluster has.</param>
    public static void NeedsLocalCluster(string why)
    {
        if (Variable(KubeconfigVariable) is not null)
        {
            Assert.Ignore($"{KubeconfigVariable} names a cluster: {why}");
        }
    }

    /// <summary>Makes a namespace for a test.</summary>
    public virtual async Task<string> CreateNamespaceAsync()
    {
        var name = $"serving-test-{Guid.NewGuid().ToString("N")[..8]}";
        await ApplyAsync($"{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}");
        return name;
    }

    /// <summary>Sets keys of a ConfigMap of the control plane, for as long as the cluster is being tested.</summary>
    public virtual async Task ConfigureAsync(string map, params (string Key, string Value)[] settings)
    {
        var current = await Client.GetAsync(Resources.ConfigMaps, SystemNamespace, map, CancellationToken.None);
        var data = new Dictionary<string, string>(current.Data);
        foreach (var (key, value) in settings)
        {
            data[key] = value;
        }

        await Client.UpdateAsync(Resources.ConfigMaps, current with { Data = data }, CancellationToken.None);
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
        // Without an assertion for each look: most of what a test does is this, and assertions that fail are what would take most of the processor.
        var (watch, limit) = (Stopwatch.StartNew(), within ?? TimeSpan.FromSeconds(90));
        while (!await IsReadyAsync(ns, name) && watch.Elapsed < limit)
        {
            await Task.Delay(Eventually.PauseAfter(watch.Elapsed));
        }

        (await ReadyOfAsync(ns, name)).Should().Match<Condition>(condition => condition.Status == "True");
        return await Client.GetAsync(Resources.KnativeServices, ns, name, CancellationToken.None);
    }

    /// <summary>Whether a Service is ready; false also when the API server cannot say.</summary>
    private async Task<bool> IsReadyAsync(string ns, string name)
    {
        try
        {
            return (await ReadyOfAsync(ns, name))?.Status == "True";
        }
        catch (Exception failure) when (failure is KubernetesException or HttpRequestException or IOException)
        {
            return false;
        }
    }

    /// <summary>The default domain of Services, from config-domain.</summary>
    public async Task<string> DomainAsync()
    {
        var map = await Client.GetAsync(Resources.ConfigMaps, SystemNamespace, "config-domain", CancellationToken.None);
        return map.Data.Where(entry => entry.Key != "_example" && entry.Value.Trim().Length == 0).Select(entry => entry.Key).FirstOrDefault()
            ?? throw new InvalidOperationException("config-domain of the cluster names no default domain, so nothing can be called from outside");
    }

    /// <summary>Sends a GET through the gateway to a host, as <c>curl -H "Host: …"</c> would.</summary>
    public async Task<(HttpStatusCode Status, string Body)> GetAsync(string host, string path = "/")
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Host = host } };
        using var response = await Gateway.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    /// <summary>The address and port of a pod behind a Service of the control plane.</summary>
    protected async Task<string?> EndpointOfAsync(string service, bool https)
    {
        var endpoints = await Client.GetAsync(Resources.Endpoints, SystemNamespace, service, CancellationToken.None);
        var subset = endpoints.Subsets.Should().ContainSingle().Which;
        return $"{subset.Addresses[0].Ip}:{subset.Ports.Single(port => port.Name == (https ? "https" : "http2")).Port}";
    }

    public virtual ValueTask DisposeAsync()
    {
        Gateway.Dispose();
        Client.Dispose();
        return ValueTask.CompletedTask;
    }

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
