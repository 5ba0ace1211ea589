using System.Net;
using Microsoft.Extensions.Logging;
using Serving.Activator;
using Serving.Api;
using Serving.Autoscaler;
using Serving.Host.Composition;
using Serving.Host.Health;
using Serving.Host.Local.Terminal;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Manifests;
using Serving.LocalCluster.ApiServer;
using Serving.LocalCluster.Node;
using Serving.Networking.Gateway;
using Serving.Webhook;

namespace Serving.Host.Local;

/// <summary>
/// Runs the modules on the local cluster: installs Serving, represents this process as a pod, and waits until the modules are ready and
/// admission works. The modules use the service account of the install. The install and the pod are written as the installer, whose writes
/// bypass webhooks: webhook configurations of an earlier run point to a process that is not serving yet.
/// </summary>
internal sealed class LocalControlPlane : IAsyncDisposable
{
    private const string SystemNamespace = "knative-serving";
    private const string Account = "controller";
    private const string WebhookService = "webhook";
    private const string NoEndpoints =
        "the Service webhook does not route to this process yet; the process with --roles node writes its endpoints";

    /// <summary>The host number of this process in the subnet.</summary>
    public const int HostNumber = 2;

    private const int GatewayInternalPort = 8082;
    private static readonly TimeSpan ReadyTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LeaveTime = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    private const int Attempts = 20;

    private readonly ClusterClient _client;
    private readonly ClusterEnvironment _environment;
    private readonly ServiceAccountCredential _identity;
    private readonly ControlPlane _modules;
    private readonly HostPod _pod;
    private readonly ClusterClient _reviewer;
    private readonly AdmissionCheck _admission;
    private readonly bool _hasNode;
    private volatile bool _started;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;

    private LocalControlPlane(
        LocalOptions local,
        ClusterEnvironment environment,
        ClusterClient client,
        ClusterClient reviewer,
        ClusterAccess own,
        ServiceAccountCredential identity,
        ElectionSettings? election,
        HostPod pod,
        ProcessLogging logging,
        TimeProvider time
    )
    {
        _reviewer = reviewer;
        _pod = pod;
        _admission = new AdmissionCheck(reviewer, environment.SystemNamespace, time);
        _hasNode = local.Has(LocalOptions.Node);
        _identity = identity;
        _time = time;
        _logger = logging.Factory.CreateLogger<LocalControlPlane>();
        _client = client;
        _environment = environment;
        var address = environment.PodIP;
        var host = new ModuleHostOptions { StopTimeout = TimeSpan.FromSeconds(8) };
        var options = new ControlPlaneOptions(
            ControlPlane.AllModules,
            new GatewayOptions(new IPEndPoint(IPAddress.Loopback, local.GatewayPort), new IPEndPoint(address, GatewayInternalPort))
            {
                DrainTimeout = TimeSpan.FromSeconds(5),
            },
            new WebhookOptions(address),
            new ActivatorOptions(address)
            {
                DrainDelay = election is null ? TimeSpan.Zero : LeaveTime,
                DrainTimeout = TimeSpan.FromSeconds(5),
            },
            new AutoscalerOptions(address),
            ResolveDigests: false,
            host,
            election is { SharesAutoscaler: true }
        )
        {
            Election = election is null ? null : (_, _) => Task.FromResult(election),
            Health = new IPEndPoint(environment.ListenAddress, ControlPlane.HealthPort),
            StatusPages = local.StatusPages,
            Settings = local.Settings,
        };
        _modules = ControlPlane.Create(options, environment, own, logging, time);
        View = new ClusterView(_modules.Informers, _modules.Statistics.Requests);
    }

    /// <summary>The pod that represents this process.</summary>
    public string PodName => _environment.PodName;

    /// <summary>The address of the status pages.</summary>
    public Uri StatusPages => new UriBuilder("http", _environment.ListenAddress.ToString(), ControlPlane.HealthPort, "/status").Uri;

    /// <summary>The view for the terminal.</summary>
    public ClusterView View { get; }

    private IEnumerable<PartHealth> Readiness => _modules.Health.Parts.Select(_modules.Health.Readiness).OfType<PartHealth>();

    /// <summary>
    /// The control plane's part of <c>/readyz</c> when the API server runs in the same process: it has started, each module is ready, and
    /// admission works, so the next <c>kubectl apply</c> is not rejected because the webhook is missing.
    /// </summary>
    public async Task<IReadOnlyList<ReadinessCheck>> ReadinessAsync(CancellationToken cancellation)
    {
        var checks = Readiness.Select(check => new ReadinessCheck(check.Name, check.Problem)).ToList();
        var problem = _started ? await _admission.ProblemAsync(cancellation) : "the control plane is starting";
        return [.. checks, new ReadinessCheck("admission", problem)];
    }

    /// <summary>
    /// Installs Serving and creates the modules. Without leader election when the API server is in this process too: no other control plane
    /// can outlive it, and a restart does not have to wait for the Leases of the previous run.
    /// </summary>
    /// <param name="options">The command line.</param>
    /// <param name="subnet">The addresses of this instance.</param>
    /// <param name="installer">The identity that installs and writes this process's pod.</param>
    /// <param name="user">An ordinary user, whose writes show whether admission works.</param>
    /// <param name="logging">The log.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellation">Cancels the operation.</param>
    public static async Task<LocalControlPlane> CreateAsync(
        LocalOptions options,
        LoopbackSubnet subnet,
        ClusterAccess installer,
        ClusterAccess user,
        ProcessLogging logging,
        TimeProvider time,
        CancellationToken cancellation
    )
    {
        var environment = new ClusterEnvironment(
            SystemNamespace,
            "cluster.local",
            $"serving-{subnet.Prefix.Replace('.', '-')}",
            subnet.HostAddress(HostNumber)
        );
        var client = new ClusterClient(installer, time: time);
        ClusterClient? reviewer = null;
        try
        {
            await AnsweredAsync(client, logging, time, cancellation);

            // The pod of the previous run keeps a namespace that is being deleted from finishing.
            var pod = new HostPod(client, environment, ControlPlane.AllModules, LocalDirectory.LogOf(options), time);
            await pod.RemoveAsync(cancellation);
            await InstallAsync(client, time, cancellation);

            // The modules have only the rights that the install grants.
            var identity = new ServiceAccountCredential(new ServiceAccountTokens(client), SystemNamespace, Account, time);
            var election = options.Has(LocalOptions.ApiServer)
                ? null
                : await ElectionSettings.ReadAsync(installer with { Credential = identity }, environment, logging.Factory, cancellation);
            reviewer = new ClusterClient(user, time: time);
            return new LocalControlPlane(
                options,
                environment,
                client,
                reviewer,
                installer with
                {
                    Credential = identity,
                },
                identity,
                election,
                pod,
                logging,
                time
            );
        }
        catch
        {
            reviewer?.Dispose();
            client.Dispose();
            throw;
        }
    }

    /// <summary>Starts the modules and waits until they are ready, the pod that represents them receives traffic, and a write would be
    /// admitted.</summary>
    /// <param name="parts">Where the modules run.</param>
    /// <param name="waits">Called with what the start waits for in another process: the node, when this process runs none.</param>
    /// <param name="cancellation">Cancels the start.</param>
    public async Task StartAsync(LocalParts parts, Action<string> waits, CancellationToken cancellation)
    {
        await _pod.CreateAsync(cancellation);
        parts.Run("control plane", RunModulesAsync);
        await UntilAsync(
            parts,
            () =>
                Task.FromResult(
                    Readiness
                        .Where(check => check.Problem is not null || check.Remark is not null)
                        .Select(check => $"{check.Name}: {check.Problem ?? check.Remark}")
                        .FirstOrDefault()
                ),
            null,
            cancellation
        );
        await _pod.SetReadyAsync(true, cancellation);

        // Endpoints of an earlier run may still contain our address, which we reuse, and are about to be removed.
        await UntilAsync(parts, () => EndpointsProblemAsync(cancellation), _hasNode ? null : waits, cancellation);
        await UntilAsync(parts, () => _admission.ProblemAsync(cancellation), _hasNode ? null : waits, cancellation);
        _started = true;
        parts.Run(
            "host pod",
            token =>
                _pod.KeepAsync(
                    why => _logger.LogWarning("The pod that represents this host was deleted and cannot be recreated: {Reason}", why),
                    token
                )
        );
    }

    /// <summary>Polls until there is no problem left. There is a time limit, except with <paramref name="waits"/>: other processes may take
    /// any time.</summary>
    private async Task UntilAsync(LocalParts parts, Func<Task<string?>> problem, Action<string>? waits, CancellationToken cancellation)
    {
        var began = _time.GetTimestamp();
        string? told = null;
        while (await problem() is { } missing)
        {
            parts.ThrowIfEnded();
            if (_time.GetElapsedTime(began) > ReadyTimeout)
            {
                if (waits is null)
                {
                    throw new UserErrorException($"the control plane is not ready after {ReadyTimeout.TotalSeconds:0} s: {missing}");
                }

                if (told != missing)
                {
                    waits(told = missing);
                }
            }

            await Task.Delay(Interval, _time, cancellation);
        }
    }

    private async Task<string?> EndpointsProblemAsync(CancellationToken cancellation)
    {
        try
        {
            var endpoints = await _client.GetAsync(Resources.Endpoints, SystemNamespace, WebhookService, cancellation);
            return endpoints.Subsets.Any(subset => subset.Addresses.Any(address => address.TargetRef?.Uid == _pod.Uid))
                ? null
                : NoEndpoints;
        }
        catch (KubernetesException failure) when (failure.IsNotFound)
        {
            return NoEndpoints;
        }
    }

    /// <summary>Runs the modules. On shutdown the pod leaves the endpoints first, while the modules still serve incoming
    /// requests.</summary>
    private async Task RunModulesAsync(CancellationToken cancellation)
    {
        using var stop = new CancellationTokenSource();
        var running = _modules.RunAsync(stop.Token);
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (cancellation.Register(() => told.TrySetResult()))
        {
            await Task.WhenAny(running, told.Task);
        }

        var leaving = LeaveAsync();
        await stop.CancelAsync();
        await running;
        await leaving;
    }

    private async Task LeaveAsync()
    {
        using var limit = new CancellationTokenSource(LeaveTime, _time);
        try
        {
            await _pod.SetReadyAsync(false, limit.Token);
        }
        catch (Exception failure) when (failure is KubernetesException or OperationCanceledException)
        {
            _logger.LogInformation("The pod that represents this host could not be set to not ready: {Reason}", failure.Message);
        }
    }

    /// <summary>Waits for the API server: a host may start before it, or while it is unreachable.</summary>
    private static async Task AnsweredAsync(ClusterClient client, ProcessLogging logging, TimeProvider time, CancellationToken cancellation)
    {
        var logger = logging.Factory.CreateLogger<LocalControlPlane>();
        using var version = await FirstResponse.WaitAsync(
            () => client.GetRawAsync("/version", cancellation),
            what => logger.LogWarning("The start waits for {What}", what),
            time,
            cancellation
        );
    }

    /// <summary>Several hosts may install at once: on a conflict the install starts over and finds the objects in place.</summary>
    private static async Task InstallAsync(ClusterClient client, TimeProvider time, CancellationToken cancellation)
    {
        var applier = new ManifestApplier(client, new ResourceDiscovery(client), time: time);
        var install = new LocalInstall(client, applier, SystemNamespace);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await install.ApplyAsync(cancellation);
                return;
            }
            catch (Exception other) when (IsConflict(other) && attempt < Attempts)
            {
                await Task.Delay(Interval * Random.Shared.Next(1, 10), time, cancellation);
            }
        }
    }

    private static bool IsConflict(Exception failure) =>
        (failure as KubernetesException ?? failure.InnerException as KubernetesException) is { } refused
        && (refused.IsConflict || refused.IsNotFound || refused.IsAlreadyExists);

    public async ValueTask DisposeAsync()
    {
        try
        {
            await _pod.RemoveAsync(CancellationToken.None);
        }
        finally
        {
            await _modules.DisposeAsync();
            _admission.Dispose();
            _reviewer.Dispose();
            _identity.Dispose();
            _client.Dispose();
        }
    }
}
