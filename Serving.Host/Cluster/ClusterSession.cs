using System.Net;
using System.Net.Sockets;
using Serving.Activator;
using Serving.Api;
using Serving.Api.Config;
using Serving.Autoscaler;
using Serving.ConfigMaps;
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
    private const int GatewayPort = 8081;
    private const int GatewayInternalPort = 8082;
    private const string LeaderElectionMap = "config-leader-election";

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
            var (election, leaseNames) = await ReadElectionAsync(configuration, environment, stop.Token);
            var plane = new ControlPlaneOptions(
                options.Modules,
                new GatewayOptions(new IPEndPoint(environment.PodIP, GatewayPort), new IPEndPoint(environment.PodIP, GatewayInternalPort)),
                new WebhookOptions(environment.PodIP),
                new ActivatorOptions(environment.PodIP),
                new AutoscalerOptions(environment.PodIP),
                ResolveDigests: true,
                new ModuleHostOptions { Election = election, LeaseNames = leaseNames });
            using var modules = new ControlPlane(plane, environment, configuration, logging, TimeProvider.System);
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

    private static async Task<ClusterEnvironment> ReadEnvironmentAsync(CancellationToken cancellation)
    {
        var name = Variable("POD_NAME") ?? Environment.MachineName;
        var address = Variable("POD_IP") is { } text
            ? IPAddress.TryParse(text, out var parsed) ? parsed : throw new UserErrorException($"POD_IP: '{text}' is not an IP address.")
            : await FirstAddressAsync(cancellation);
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

    /// <summary>The Leases' times and names, as the cluster's config-leader-election has them at the start; the times then follow it.</summary>
    private static async Task<(LeaderElectionOptions Times, Func<IServingModule, IReadOnlyList<string>> LeaseNames)> ReadElectionAsync(KubernetesConfiguration configuration, ClusterEnvironment environment, CancellationToken cancellation)
    {
        using var client = new KubernetesClient(configuration);
        LeaderElectionConfig times;
        try
        {
            var map = await client.GetAsync(Resources.ConfigMaps, environment.SystemNamespace, LeaderElectionMap, cancellation);
            times = LeaderElectionConfigParser.Parse(map.Data);
        }
        catch (KubernetesException failure) when (failure.IsNotFound)
        {
            times = LeaderElectionConfig.Default;
        }

        var election = new LeaderElectionOptions(environment.SystemNamespace, LeaderStatSink.Identity(environment))
        {
            LeaseDuration = times.LeaseDuration,
            RenewDeadline = times.RenewDeadline,
            RetryPeriod = times.RetryPeriod,
        };
        return (election, module => [$"{times.MapLeasePrefix.GetValueOrDefault(module.Name, module.Name)}.00-of-01"]);
    }

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
