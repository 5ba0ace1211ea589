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
/// The modules on the local cluster: installs them, stands for them as a pod, and waits until they are ready and admission answers. They
/// act as the service account of the install; installing and standing for them is done as the installer, about whose writes no webhook is
/// asked: those that an earlier run left lead to a process that is only being started.
/// </summary>
internal sealed class LocalControlPlane : IAsyncDisposable
{
    private const string SystemNamespace = "knative-serving";
    private const string Account = "controller";
    private const string WebhookService = "webhook";
    private const string NoEndpoints =
        "the Service webhook does not lead to this process yet; the process with --roles node writes its endpoints";

    /// <summary>Which address of the subnet the host has.</summary>
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
        };
        _modules = ControlPlane.Create(options, environment, own, logging, time);
        var statistics = _modules.Statistics;
        View = new ClusterView(
            _modules.Informers,
            key =>
                statistics
                    .Snapshot()
                    .Where(traffic => traffic.Namespace == key.Namespace && traffic.Revision == key.Name)
                    .Sum(traffic => traffic.Requests)
        );
    }

    /// <summary>The pod that stands for this process.</summary>
    public string PodName => _environment.PodName;

    /// <summary>What a person sees.</summary>
    public ClusterView View { get; }

    private IEnumerable<PartHealth> Readiness => _modules.Health.Parts.Select(_modules.Health.Readiness).OfType<PartHealth>();

    /// <summary>
    /// What <c>/readyz</c> of an API server in the same process says of the control plane: it has started, each module is ready, and
    /// admission answers, so that the next <c>kubectl apply</c> is not refused for want of it.
    /// </summary>
    public async Task<IReadOnlyList<ReadinessCheck>> ReadinessAsync(CancellationToken cancellation)
    {
        var checks = Readiness.Select(check => new ReadinessCheck(check.Name, check.Problem)).ToList();
        var problem = _started ? await _admission.ProblemAsync(cancellation) : "the control plane is starting";
        return [.. checks, new ReadinessCheck("admission", problem)];
    }

    /// <summary>
    /// Installs, and makes the modules. Leaders are elected unless the API server is in this process too: then no other control plane
    /// can outlive it, and a restart need not wait for the Leases of the run before.
    /// </summary>
    /// <param name="options">The command line.</param>
    /// <param name="subnet">The addresses of this instance.</param>
    /// <param name="installer">Who installs, and stands for the process.</param>
    /// <param name="user">Who writes as any user does, to see whether admission answers.</param>
    /// <param name="logging">Where to log.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellation">Ends it.</param>
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

            // The pod of the run before holds up a namespace that is being deleted.
            var pod = new HostPod(client, environment, ControlPlane.AllModules, LocalDirectory.LogOf(options), time);
            await pod.RemoveAsync(cancellation);
            await InstallAsync(client, time, cancellation);

            // The modules have the rights that the install gives them, and no others.
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

    /// <summary>Starts and waits until every module is ready, the pod that stands for it gets traffic, and a write would be
    /// admitted.</summary>
    /// <param name="parts">Where the modules run.</param>
    /// <param name="waits">Hears what a start waits for that others have to do: the node's process, when this one has none.</param>
    /// <param name="cancellation">Ends it.</param>
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

        // What an earlier run left may still lead to the address that is ours again, and be taken away in a moment.
        await UntilAsync(parts, () => EndpointsProblemAsync(cancellation), _hasNode ? null : waits, cancellation);
        await UntilAsync(parts, () => _admission.ProblemAsync(cancellation), _hasNode ? null : waits, cancellation);
        _started = true;
        parts.Run(
            "host pod",
            token =>
                _pod.KeepAsync(
                    why => _logger.LogWarning("The pod that stands for this host is gone and cannot be made again: {Reason}", why),
                    token
                )
        );
    }

    /// <summary>Asks until there is no problem left. Without <paramref name="waits"/> there is a limit; with it others may take as long as
    /// they like.</summary>
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

    /// <summary>Runs the modules; when told to stop, other hosts learn that this one leaves while its modules still serve what
    /// comes.</summary>
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
            _logger.LogInformation("The pod that stands for this host could not be called not ready: {Reason}", failure.Message);
        }
    }

    /// <summary>A host may be started before its API server, or while that is away.</summary>
    private static async Task AnsweredAsync(ClusterClient client, ProcessLogging logging, TimeProvider time, CancellationToken cancellation)
    {
        var logger = logging.Factory.CreateLogger<LocalControlPlane>();
        using var version = await FirstAnswer.WaitAsync(
            () => client.GetRawAsync("/version", cancellation),
            what => logger.LogWarning("The start waits for {What}", what),
            time,
            cancellation
        );
    }

    /// <summary>Several hosts may install at once: who meets another's write begins again, and finds it done.</summary>
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
