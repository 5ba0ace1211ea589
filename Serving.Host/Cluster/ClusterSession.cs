using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Serving.Activator;
using Serving.Autoscaler;
using Serving.Host.Composition;
using Serving.Host.Local;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Hosting;
using Serving.Networking.Gateway;
using Serving.Observability.Logging;
using Serving.Webhook;

namespace Serving.Host.Cluster;

/// <summary>One run of the control plane against a cluster: reads its place from the environment, runs the modules, drains on
/// SIGTERM.</summary>
internal sealed class ClusterSession(ClusterOptions options)
{
    /// <summary>Until Endpoints, and whoever follows them, have let go of a pod that is told to stop.</summary>
    private static readonly TimeSpan PodDrainDelay = TimeSpan.FromSeconds(15);

    /// <summary>As long as a request may take by default (max-revision-timeout-seconds); the pod's grace period is longer.</summary>
    private static readonly TimeSpan PodDrainTimeout = TimeSpan.FromSeconds(600);

    /// <summary>A little less than terminationGracePeriodSeconds of the install, so that the end is still ours.</summary>
    private static readonly TimeSpan PodGracePeriod = TimeSpan.FromSeconds(650);

    private bool IsPod => options.Kubeconfig is null && Variable("KUBERNETES_SERVICE_HOST") is not null;

    /// <summary>Runs until told to stop.</summary>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        using var signal = new TerminationSignal();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, signal.Token);
        using var logging = new ProcessLogging(new LogOptions());
        try
        {
            var configuration = ClusterAccess.Load(options.Kubeconfig, options.Context);
            var environment = await ReadEnvironmentAsync(stop.Token);
            await using var modules = ControlPlane.Create(
                PlaneOf(environment, configuration, logging.Factory),
                environment,
                configuration,
                logging,
                TimeProvider.System
            );
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
        catch (KubernetesException failure) when (failure.InnerException is KubernetesConfigurationException wrong)
        {
            throw new UserErrorException(wrong.Message, failure);
        }
        catch (KubernetesException failure)
        {
            throw new UserErrorException($"the cluster refused what the start needs: {failure.Message}", failure);
        }
    }

    private Task<ElectionSettings> ReadElectionAsync(
        ClusterAccess configuration,
        ClusterEnvironment environment,
        ILoggerFactory loggers,
        Action<string> waits,
        CancellationToken cancellation
    )
    {
        var logger = loggers.CreateLogger<ClusterSession>();
        return FirstAnswer.WaitAsync(
            () => ElectionSettings.ReadAsync(configuration, environment, loggers, cancellation, options.Leases),
            what =>
            {
                waits(what);
                logger.LogWarning("The start waits for {What}", what);
            },
            TimeProvider.System,
            cancellation
        );
    }

    private ControlPlaneOptions PlaneOf(ClusterEnvironment environment, ClusterAccess configuration, ILoggerFactory loggers)
    {
        var hosting = new ModuleHostOptions();
        var address = environment.ListenAddress;
        var gateway = new GatewayOptions(new IPEndPoint(address, options.GatewayPort), new IPEndPoint(address, options.GatewayInternalPort))
        {
            Https = options.GatewayHttpsPort > 0 ? new IPEndPoint(address, options.GatewayHttpsPort) : null,
            ClusterLocalHttps = options is { GatewayHttpsPort: > 0, GatewayInternalHttpsPort: > 0 }
                ? new IPEndPoint(address, options.GatewayInternalHttpsPort)
                : null,
            TrustedHops = options.GatewayTrustedHops,
        };

        // The host delays once for all of its modules.
        var activator = new ActivatorOptions(environment.PodIP) { ListenAddress = address, DrainDelay = TimeSpan.Zero };
        return new ControlPlaneOptions(
            options.Modules,
            IsPod ? gateway with { DrainTimeout = PodDrainTimeout } : gateway,
            new WebhookOptions(address, options.WebhookPort) { Url = options.WebhookUrl },
            IsPod ? activator with { DrainTimeout = PodDrainTimeout } : activator,
            new AutoscalerOptions(address),
            ResolveDigests: true,
            hosting with
            {
                DrainDelay = options.DrainDelay ?? (IsPod ? PodDrainDelay : TimeSpan.Zero),
                StopTimeout = IsPod ? PodDrainTimeout + PodDrainDelay : hosting.StopTimeout,
            },
            SharesAutoscaler: options.Leases == LeaseScheme.Own,
            LeasesRegistration: options.Leases == LeaseScheme.Knative && options.WebhookUrl is null,
            GuardsMetrics: options.MetricsAuth
        )
        {
            Election = (waits, cancellation) => ReadElectionAsync(configuration, environment, loggers, waits, cancellation),
            Health = new IPEndPoint(address, options.HealthPort),
            GracePeriod = IsPod ? PodGracePeriod : null,
        };
    }

    private async Task<ClusterEnvironment> ReadEnvironmentAsync(CancellationToken cancellation)
    {
        // A pod's name is its own; on a machine several may run.
        var name =
            Variable("POD_NAME")
            ?? $"{Environment.MachineName.ToLowerInvariant()}-{RandomNumberGenerator.GetHexString(5, lowercase: true)}";
        var address =
            options.Bind
            ?? (
                Variable("POD_IP") is { } text
                    ? IPAddress.TryParse(text, out var parsed)
                        ? parsed
                        : throw new UserErrorException($"POD_IP: '{text}' is not an IP address.")
                    : await FirstAddressAsync(cancellation)
            );
        return new ClusterEnvironment(Variable("SYSTEM_NAMESPACE") ?? "knative-serving", ClusterDomain(), name, address)
        {
            ListenAddress = options.Bind is null && IsPod ? ListenAddressOf(address) : address,
        };
    }

    /// <summary>
    /// Any address, of both families where there are two: a port-forward dials the pod's loopback, a Service of two families both of its
    /// addresses. A pod at a loopback address shares its network with others, so it keeps to that.
    /// </summary>
    internal static IPAddress ListenAddressOf(IPAddress pod) =>
        IPAddress.IsLoopback(pod) ? pod
        : Socket.OSSupportsIPv6 ? IPAddress.IPv6Any
        : IPAddress.Any;

    private static async Task<IPAddress> FirstAddressAsync(CancellationToken cancellation)
    {
        var addresses = await Dns.GetHostAddressesAsync(Dns.GetHostName(), AddressFamily.InterNetwork, cancellation);
        return addresses.FirstOrDefault() ?? IPAddress.Loopback;
    }

    /// <summary>From CLUSTER_DOMAIN, else from the search list that Kubernetes writes into resolv.conf
    /// (<c>svc.cluster.local</c>).</summary>
    private static string ClusterDomain()
    {
        const string Resolver = "/etc/resolv.conf";
        if (Variable("CLUSTER_DOMAIN") is { } domain)
        {
            return domain.TrimEnd('.');
        }

        var searched = File.Exists(Resolver)
            ? File.ReadLines(Resolver)
                .Where(line => line.StartsWith("search", StringComparison.Ordinal))
                .SelectMany(line => line.Split(' ', '\t').Skip(1))
            : [];
        return searched.FirstOrDefault(entry => entry.StartsWith("svc.", StringComparison.Ordinal))?["svc.".Length..].TrimEnd('.')
            ?? "cluster.local";
    }

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
