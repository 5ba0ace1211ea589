using System.Net;
using Serving.Activator;
using Serving.Autoscaler;
using Serving.Host.Composition;
using Serving.Host.Local.Terminal;
using Serving.Kubernetes;
using Serving.LocalCluster.Node;
using Serving.Networking.Gateway;
using Serving.Webhook;

namespace Serving.Host.Local;

/// <summary>The modules on the local cluster: installs them, stands for them as a pod, and waits until they are ready.</summary>
internal sealed class LocalControlPlane : IAsyncDisposable
{
    private const string SystemNamespace = "knative-serving";
    private const int HostNumber = 2;
    private const int GatewayInternalPort = 8082;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    private readonly KubernetesClient client;
    private readonly ClusterEnvironment environment;
    private readonly ControlPlane modules;
    private readonly HostPod pod;
    private readonly TimeProvider time;

    public LocalControlPlane(int gatewayPort, LoopbackSubnet subnet, KubernetesConfiguration configuration, ProcessLogging logging, TimeProvider time)
    {
        this.time = time;
        client = new KubernetesClient(configuration, time: time);
        var address = subnet.HostAddress(HostNumber);
        environment = new ClusterEnvironment(SystemNamespace, "cluster.local", $"serving-{subnet.Prefix.Replace('.', '-')}", address);
        var options = new ControlPlaneOptions(
            ControlPlane.AllModules,
            new GatewayOptions(new IPEndPoint(IPAddress.Loopback, gatewayPort), new IPEndPoint(address, GatewayInternalPort)) { DrainTimeout = TimeSpan.FromSeconds(5) },
            new WebhookOptions(address),
            new ActivatorOptions(address) { DrainDelay = TimeSpan.Zero, DrainTimeout = TimeSpan.FromSeconds(5) },
            new AutoscalerOptions(address),
            ResolveDigests: false,
            new IPEndPoint(address, ControlPlane.HealthPort),
            new ModuleHostOptions { StopTimeout = TimeSpan.FromSeconds(8) });
        modules = new ControlPlane(options, environment, configuration, logging, time);
        pod = new HostPod(client, environment, ControlPlane.AllModules, time);
        var statistics = modules.Statistics;
        View = new ClusterView(modules.Informers, key => statistics.Snapshot().Where(traffic => traffic.Namespace == key.Namespace && traffic.Revision == key.Name).Sum(traffic => traffic.Requests));
    }

    /// <summary>What a person sees.</summary>
    public ClusterView View { get; }

    /// <summary>Installs, starts and waits until every module is ready and the pod that stands for it gets traffic.</summary>
    public async Task StartAsync(LocalParts parts, CancellationToken cancellation)
    {
        var applier = new ManifestApplier(client, new ResourceDiscovery(client), time: time);
        await new LocalInstall(client, applier, SystemNamespace).ApplyAsync(cancellation);
        await pod.CreateAsync(cancellation);
        parts.Run("control plane", modules.RunAsync);
        var started = time.GetTimestamp();
        while (modules.Readiness.Where(check => check.Problem is not null).ToList() is { Count: > 0 } missing)
        {
            if (time.GetElapsedTime(started) > Patience)
            {
                throw new UserErrorException($"the control plane is not ready after {Patience.TotalSeconds:0} s: {string.Join("; ", missing.Select(check => $"{check.Name}: {check.Problem}"))}");
            }

            await Task.Delay(Interval, time, cancellation);
        }

        await pod.SetReadyAsync(true, cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await pod.RemoveAsync(CancellationToken.None);
        }
        finally
        {
            modules.Dispose();
            client.Dispose();
        }
    }
}
