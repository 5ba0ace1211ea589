using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Serving.Activator;
using Serving.Autoscaler;
using Serving.Host.Composition;
using Serving.Host.Local;
using Serving.Kubernetes;
using Serving.Networking.Gateway;
using Serving.Observability;
using Serving.Webhook;

namespace Serving.Host.Cluster;

/// <summary>One run of the control plane against a cluster: reads its place from the environment, runs the modules, drains on SIGTERM.</summary>
internal sealed class ClusterSession(ClusterOptions options)
{
    /// <summary>Until Endpoints, and whoever follows them, have let go of a pod that is told to stop.</summary>
    private static readonly TimeSpan PodDrainDelay = TimeSpan.FromSeconds(15);

    /// <summary>As long as a request may take by default (max-revision-timeout-seconds); the pod's grace period is longer.</summary>
    private static readonly TimeSpan PodDrainTimeout = TimeSpan.FromSeconds(600);

    /// <summary>Runs until told to stop.</summary>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        using var signal = new TerminationSignal();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, signal.Token);
        using var logging = new ProcessLogging(new LogOptions());
        try
        {
            var configuration = KubernetesConfiguration.Load(options.Kubeconfig, options.Context);
            var environment = await ReadEnvironmentAsync(stop.Token);
            var election = await ElectionSettings.ReadAsync(configuration, environment, logging.Factory, stop.Token, options.Leases);
            using var modules = new ControlPlane(PlaneOf(environment, election), environment, configuration, logging, TimeProvider.System);
            await modules.RunAsync(stop.Token);
            return ExitCode.Ok;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return ExitCode.Ok;
        }
        catch (KubernetesConfigurationException failure)
        {
            throw new UserErrorException(failure.Message, failure);
        }
        catch (KubernetesException failure)
        {
            throw new UserErrorException($"the cluster refused what the start needs: {failure.Message}", failure);
        }
    }

    private ControlPlaneOptions PlaneOf(ClusterEnvironment environment, ElectionSettings election)
    {
        var hosting = election.ApplyTo(new ModuleHostOptions());
        var address = environment.PodIP;
        var isPod = options.Kubeconfig is null && Variable("KUBERNETES_SERVICE_HOST") is not null;
        var gateway = new GatewayOptions(new IPEndPoint(address, options.GatewayPort), new IPEndPoint(address, options.GatewayInternalPort))
        {
            Https = options.GatewayHttpsPort > 0 ? new IPEndPoint(address, options.GatewayHttpsPort) : null,
        };

        // The host delays once for all of its modules.
        var activator = new ActivatorOptions(address) { DrainDelay = TimeSpan.Zero };
        return new ControlPlaneOptions(
            options.Modules,
            isPod ? gateway with { DrainTimeout = PodDrainTimeout } : gateway,
            new WebhookOptions(address, options.WebhookPort) { Url = options.WebhookUrl },
            isPod ? activator with { DrainTimeout = PodDrainTimeout } : activator,
            new AutoscalerOptions(address),
            ResolveDigests: true,
            new IPEndPoint(address, options.HealthPort),
            hosting with
            {
                DrainDelay = options.DrainDelay ?? (isPod ? PodDrainDelay : TimeSpan.Zero),
                StopTimeout = isPod ? PodDrainTimeout + PodDrainDelay : hosting.StopTimeout,
            },
            election.SharesAutoscaler,
            LeasesRegistration: options.Leases == LeaseScheme.Knative && options.WebhookUrl is null);
    }

    private async Task<ClusterEnvironment> ReadEnvironmentAsync(CancellationToken cancellation)
    {
        // A pod's name is its own; on a machine several may run.
        var name = Variable("POD_NAME") ?? $"{Environment.MachineName.ToLowerInvariant()}-{RandomNumberGenerator.GetHexString(5, lowercase: true)}";
        var address = options.Bind ?? (Variable("POD_IP") is { } text
            ? IPAddress.TryParse(text, out var parsed) ? parsed : throw new UserErrorException($"POD_IP: '{text}' is not an IP address.")
            : await FirstAddressAsync(cancellation));
        return new ClusterEnvironment(Variable("SYSTEM_NAMESPACE") ?? "knative-serving", ClusterDomain(), name, address);
    }

    private static async Task<IPAddress> FirstAddressAsync(CancellationToken cancellation)
    {
        var addresses = await Dns.GetHostAddressesAsync(Dns.GetHostName(), AddressFamily.InterNetwork, cancellation);
        return addresses.FirstOrDefault() ?? IPAddress.Loopback;
    }

    /// <summary>From CLUSTER_DOMAIN, else from the search list that Kubernetes writes into resolv.conf (<c>svc.cluster.local</c>).</summary>
    private static string ClusterDomain()
    {
        const string Resolver = "/etc/resolv.conf";
        if (Variable("CLUSTER_DOMAIN") is { } domain)
        {
            return domain.TrimEnd('.');
        }

        var searched = File.Exists(Resolver)
            ? File.ReadLines(Resolver).Where(line => line.StartsWith("search", StringComparison.Ordinal)).SelectMany(line => line.Split(' ', '\t').Skip(1))
            : [];
        return searched.FirstOrDefault(entry => entry.StartsWith("svc.", StringComparison.Ordinal))?["svc.".Length..].TrimEnd('.') ?? "cluster.local";
    }

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
