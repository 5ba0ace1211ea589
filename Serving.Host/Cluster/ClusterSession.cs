using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Serving.Activator;
using Serving.Autoscaler;
using Serving.Host.Composition;
using Serving.Host.Local;
using Serving.Host.Settings;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Hosting;
using Serving.Networking.Gateway;
using Serving.Observability.Logging;
using Serving.Webhook;

namespace Serving.Host.Cluster;

/// <summary>One run of the control plane against a cluster: reads its environment, runs the modules, drains on SIGTERM.</summary>
internal sealed class ClusterSession(ClusterOptions options)
{
    /// <summary>The time until Endpoints and the load balancers that follow them no longer list a terminating pod.</summary>
    internal static readonly TimeSpan PodDrainDelay = TimeSpan.FromSeconds(15);

    /// <summary>The default limit of a request (max-revision-timeout-seconds); the pod's grace period is longer.</summary>
    internal static readonly TimeSpan PodDrainTimeout = TimeSpan.FromSeconds(600);

    /// <summary>A little less than terminationGracePeriodSeconds of the install, so that the process ends before the kubelet kills
    /// it.</summary>
    internal static readonly TimeSpan PodGracePeriod = TimeSpan.FromSeconds(650);

    private bool IsPod => options.Kubeconfig is null && Variable("KUBERNETES_SERVICE_HOST") is not null;

    /// <summary>Runs until stopped.</summary>
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
            throw new UserErrorException($"the API server rejected a request of the start: {failure.Message}", failure);
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
        return FirstResponse.WaitAsync(
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

        var drainDelay = options.DrainDelay ?? (IsPod ? PodDrainDelay : TimeSpan.Zero);

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
                DrainDelay = drainDelay,
                StopTimeout = IsPod ? PodDrainTimeout + PodDrainDelay : hosting.StopTimeout,
            },
            SharesAutoscaler: options.Leases == LeaseScheme.Own,
            LeasesRegistration: options.Leases == LeaseScheme.Knative && options.WebhookUrl is null,
            GuardsMetrics: options.MetricsAuth
        )
        {
            Election = (waits, cancellation) => ReadElectionAsync(configuration, environment, loggers, waits, cancellation),
            Health = new IPEndPoint(address, options.HealthPort),
            StatusPages = options.StatusPages,
            Settings = [.. EffectiveSettings.Of(options, environment, IsPod, drainDelay, Variable)],
            GracePeriod = IsPod ? PodGracePeriod : null,
        };
    }

    private async Task<ClusterEnvironment> ReadEnvironmentAsync(CancellationToken cancellation)
    {
        // A pod's name is unique; several processes may run on one machine.
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
    /// All addresses, of both families where available: a port-forward dials the pod's loopback address, a dual-stack Service both of the
    /// pod's addresses. A pod with a loopback address shares its network with others, so it listens on that address only.
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
