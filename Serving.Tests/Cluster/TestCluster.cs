using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Manifests;
using Serving.Tests.Cluster.Deployed;
using Serving.Tests.Cluster.K3s;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster;

/// <summary>
/// A cluster with Serving: the one in <c>SERVING_TEST_KUBECONFIG</c>, a K3s node in a container with <c>SERVING_TEST_CLUSTER=k3s</c>, else
/// a local one for the test. For tests they differ only in the processes on this machine, which only the local one has.
/// </summary>
internal abstract class TestCluster : IAsyncDisposable
{
    /// <summary>The namespace of the control plane.</summary>
    public const string SystemNamespace = "knative-serving";

    private const string ClusterVariable = "SERVING_TEST_CLUSTER";
    private const string KubeconfigVariable = "SERVING_TEST_KUBECONFIG";
    private const string GatewayVariable = "SERVING_TEST_GATEWAY";
    private const string HttpsGatewayVariable = "SERVING_TEST_HTTPS_GATEWAY";
    private const string ImagesVariable = "SERVING_TEST_IMAGES";

    private readonly string _images;
    private readonly string _tag;

    /// <param name="kubeconfig">The kubeconfig of the cluster's administrator.</param>
    /// <param name="gateway">The address of the gateway's external listener.</param>
    /// <param name="images">The registry and path prefix of the samples' images.</param>
    /// <param name="tag">The suffix of their names, as <c>:v1</c>; empty if the tag does not matter.</param>
    protected TestCluster(string kubeconfig, Uri gateway, string images, string tag = "")
    {
        _tag = tag;
        _images = images.TrimEnd('/');
        Kubeconfig = kubeconfig;
        Client = new ClusterClient(ClusterAccess.FromKubeconfig(kubeconfig));
        Gateway = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false })
        {
            BaseAddress = gateway,
            Timeout = TimeSpan.FromSeconds(60),
        };
    }

    /// <summary>The kubeconfig of the cluster's administrator.</summary>
    public string Kubeconfig { get; }

    /// <summary>The Kubernetes API as the cluster's administrator.</summary>
    public ClusterClient Client { get; }

    /// <summary>A client of the gateway; each request sets its Host.</summary>
    public HttpClient Gateway { get; }

    /// <summary>The image of the hello world sample, which uses <c>$TARGET</c>.</summary>
    public string HelloImage => $"{_images}/helloworld{_tag}";

    /// <summary>The image of the autoscale sample, which supports <c>?sleep=MILLISECONDS</c>.</summary>
    public string SleepImage => $"{_images}/autoscale{_tag}";

    /// <summary>The image of <c>Serving.TestPrograms</c>.</summary>
    public string ProgramImage => $"{_images}/testprograms{_tag}";

    /// <summary>The command that runs its program in a container of that image, for exec probes.</summary>
    public virtual string ProgramCommand => "/app/Serving.TestPrograms";

    /// <summary>
    /// The IP:PORT of the gateway's internal listener for programs of the cluster; null where the cluster's DNS resolves the names of
    /// Services to it.
    /// </summary>
    /// <param name="https">The address of its HTTPS listener.</param>
    public virtual Task<string?> InternalGatewayAsync(bool https = false) => Task.FromResult<string?>(null);

    /// <summary>Connects to the gateway regardless of the request's host.</summary>
    public SocketsHttpHandler HandlerOfGateway() => HandlerTo(Gateway.BaseAddress!);

    /// <summary>Connects to the gateway's HTTPS listener regardless of the request's host.</summary>
    public SocketsHttpHandler HandlerOfHttpsGateway() =>
        HandlerTo(HttpsGateway ?? throw new InvalidOperationException("the gateway of this cluster has no HTTPS"));

    /// <summary>The address of the gateway's HTTPS listener; null without HTTPS.</summary>
    protected virtual Uri? HttpsGateway => null;

    private static SocketsHttpHandler HandlerTo(Uri gateway) =>
        new()
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

    /// <summary>The image of another version of the host, to upgrade to; null if none is configured.</summary>
    public virtual string? UpgradeImage => null;

    /// <summary>Opens the cluster to test: the configured one, else a new local one.</summary>
    public static async Task<TestCluster> OpenAsync() => await NamedAsync() ?? await LocalClusterHarness.StartAsync();

    /// <summary>Like <see cref="OpenAsync"/>, but with the installed Deployment as the control plane on a local cluster too.</summary>
    public static async Task<TestCluster> OpenDeployedAsync() =>
        await NamedAsync() ?? await DeployedCluster.StartAsync("serving.yaml", DeployedCluster.WithShortDrainAndLeases);

    /// <summary>Like <see cref="OpenDeployedAsync"/>, with HTTPS at the gateway. Skips the test when a cluster is configured without its
    /// HTTPS address.</summary>
    public static async Task<TestCluster> OpenWithHttpsAsync()
    {
        if (await NamedAsync() is { } named)
        {
            if (named.HttpsGateway is null)
            {
                await named.DisposeAsync();
                Assert.Ignore(
                    $"{KubeconfigVariable} names a cluster, and {HttpsGatewayVariable} does not say where its gateway listens for HTTPS, as https://10.0.0.1:443"
                );
            }

            return named;
        }

        return await DeployedCluster.StartAsync(
            "serving.yaml",
            manifest => DeployedCluster.WithHttps(DeployedCluster.WithShortDrainAndLeases(manifest))
        );
    }

    private static async Task<TestCluster?> NamedAsync()
    {
        switch (Variable(ClusterVariable))
        {
            case null:
                break;
            case "k3s":
                return await K3sCluster.OpenAsync();
            case { } other:
                throw new InvalidOperationException(
                    $"{ClusterVariable}: '{other}' is not a cluster that the tests can start: use k3s, or set {KubeconfigVariable}."
                );
        }

        if (Variable(KubeconfigVariable) is not { } kubeconfig)
        {
            return null;
        }

        // Fail instead of skip: a run that is meant to test a cluster must not pass without it.
        var gateway =
            Variable(GatewayVariable)
            ?? throw new InvalidOperationException(
                $"{KubeconfigVariable} names a cluster; {GatewayVariable} must say where its gateway is, as http://10.0.0.1:80"
            );
        var images =
            Variable(ImagesVariable)
            ?? throw new InvalidOperationException(
                $"{KubeconfigVariable} names a cluster; {ImagesVariable} must say where its images are, as registry.example.com/samples"
            );
        return new NamedCluster(kubeconfig, new Uri(gateway), Variable(HttpsGatewayVariable) is { } https ? new Uri(https) : null, images);
    }

    /// <summary>Skips the test with a reason when it does not run on the local cluster.</summary>
    /// <param name="why">The feature of the local cluster that the test needs.</param>
    public static void NeedsLocalCluster(string why)
    {
        if ((Variable(KubeconfigVariable) ?? Variable(ClusterVariable)) is { } other)
        {
            Assert.Ignore($"the tests run against {other}: {why}");
        }
    }

    /// <summary>Creates a namespace for a test.</summary>
    public virtual async Task<string> CreateNamespaceAsync()
    {
        var name = $"serving-test-{Guid.NewGuid().ToString("N")[..8]}";
        await ApplyAsync($"{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}");
        return name;
    }

    /// <summary>Sets keys of a ConfigMap of the control plane until the end of the test run.</summary>
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

    /// <summary>Applies YAML manifests like <c>kubectl apply --server-side</c>.</summary>
    public Task ApplyAsync(string yaml) =>
        new ManifestApplier(Client, new ResourceDiscovery(Client)).ApplyTextAsync("test", yaml, "serving-tests", CancellationToken.None);

    /// <summary>The Ready condition of a Service; null without one.</summary>
    public async Task<Condition?> ReadyOfAsync(string ns, string name) =>
        (await Client.GetAsync(Resources.KnativeServices, ns, name, CancellationToken.None)).Status.Conditions.FirstOrDefault(condition =>
            condition.Type == "Ready"
        );

    /// <summary>Waits until a Service is ready, and returns it.</summary>
    public async Task<Service> WaitForReadyAsync(string ns, string name, TimeSpan? within = null)
    {
        // Poll without assertions: tests spend most of their time here, and failing assertions would use most of the CPU.
        var (watch, limit) = (Stopwatch.StartNew(), within ?? TimeSpan.FromSeconds(90));
        while (!await IsReadyAsync(ns, name) && watch.Elapsed < limit)
        {
            await Task.Delay(Eventually.PauseAfter(watch.Elapsed));
        }

        (await ReadyOfAsync(ns, name)).Should().Match<Condition>(condition => condition.Status == "True");
        return await Client.GetAsync(Resources.KnativeServices, ns, name, CancellationToken.None);
    }

    /// <summary>Whether a Service is ready; also false when the API server is unavailable.</summary>
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
        return map.Data.Where(entry => entry.Key != "_example" && entry.Value.Trim().Length == 0)
                .Select(entry => entry.Key)
                .FirstOrDefault()
            ?? throw new InvalidOperationException(
                "config-domain of the cluster names no default domain, so nothing can be called from outside"
            );
    }

    /// <summary>Sends a GET through the gateway to a host, like <c>curl -H "Host: …"</c>.</summary>
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
