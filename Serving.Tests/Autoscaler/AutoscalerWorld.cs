using Microsoft.Extensions.Logging.Abstractions;
using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Autoscaler;
using Serving.Autoscaler.Collection;
using Serving.Autoscaler.Ephemeral;
using Serving.Autoscaler.Reconcilers;
using Serving.Autoscaler.Reserve;
using Serving.Autoscaler.ScaleDown;
using Serving.Autoscaler.Scaling;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Reconcilers;
using Serving.LocalCluster.Controllers.ReplicaSets;
using Serving.Tests.Support;

namespace Serving.Tests.Autoscaler;

/// <summary>
/// One revision <c>ns/rev</c> with its autoscaler over an in-memory cluster that is as strict as an API server. The test acts as the
/// ServerlessService reconciler and as the Deployment, which always runs the requested number of pods.
/// </summary>
internal sealed class AutoscalerWorld : IMetricSource, IActivatorProbe, IPodLoads
{
    private static readonly ObjectKey Key = new("ns", "rev");

    private readonly Deciders _deciders;
    private readonly Dictionary<string, string> _annotations = [];
    private readonly EphemeralPodWatch _ephemeral;
    private int _occupied;
    private int _made;

    public AutoscalerWorld()
    {
        Cluster = new InMemoryCluster(Time);
        var informers = new AutoscalerInformers(Cluster);
        _deciders = new Deciders(
            this,
            key => RevisionPods.Count(informers.Pods.Lister, key.Namespace, key.Name).Ready,
            Time,
            NullLogger.Instance
        );
        _ephemeral = new EphemeralPodWatch(
            informers.Pods.Lister,
            (_, pods, _, _) =>
                Task.FromResult<PodReport?[]>([.. pods.Select((_, i) => i < _occupied ? new PodReport(1, true) : new PodReport(0, false))]),
            Events,
            Time,
            NullLogger.Instance
        );
        Kpa = new PodAutoscalerReconciler(
            informers,
            () => Config,
            _deciders,
            this,
            Board,
            Events,
            Time,
            new Parking(Events, _ => Task.FromResult(true), Time),
            static (_, _) => { },
            new ScaleDownOrder(this, () => Config.Reserve.SparesBusyPods, Time, Log.CreateLogger("scale-down")),
            _ephemeral
        );
        Hpa = new HpaReconciler(informers, () => Config, Events, Time);
        Put(replicas: 1);
        Settings();
    }

    public IReconciler Kpa { get; }

    /// <summary>What metrics export.</summary>
    public PodCountBoard Board { get; } = new();

    public IReconciler Hpa { get; }

    public IEventRecorder Events { get; } = NSubstitute.Substitute.For<IEventRecorder>();

    public RecordingLogs Log { get; } = new();

    public ManualTimeProvider Time { get; } = new();

    /// <summary>The requests in flight of pods by name; others have none, and null is no response.</summary>
    public Dictionary<string, int?> InFlight { get; } = [];

    /// <summary>How often pods were asked for their requests in flight.</summary>
    public int Asked { get; private set; }

    public InMemoryCluster Cluster { get; }

    public ConfigSnapshot Config { get; set; } = ConfigSnapshot.Default;

    /// <summary>The metric over all pods; null while there are no stats.</summary>
    public (double Stable, double Panic)? Measured { get; set; }

    public PodAutoscalerStatus Status => Cluster.Find(Resources.PodAutoscalers, "ns", "rev")!.Status;

    public int Replicas => Cluster.Find(Resources.Deployments, "ns", "rev-deployment")!.Spec!.Replicas ?? 1;

    /// <summary>Maximum number of pods that can be scheduled.</summary>
    public int Room { get; set; } = int.MaxValue;

    public bool IsReady => PodAutoscalerLifecycle.IsReady(Cluster.Find(Resources.PodAutoscalers, "ns", "rev")!);

    /// <summary>Number of ready pods.</summary>
    public int Pods
    {
        get => Cluster.All(Resources.Pods, "ns").Count;
        set
        {
            foreach (var pod in PodRanking.ByWorth(Cluster.All(Resources.Pods, "ns"), Time.GetUtcNow()).SkipLast(value))
            {
                Cluster.DeleteAsync(Resources.Pods, "ns", pod.Metadata.Name, CancellationToken.None).GetAwaiter().GetResult();
            }

            while (Pods < value)
                PutPod(++_made);
        }
    }

    /// <summary>Sets annotations of the PodAutoscaler, in addition to the existing ones.</summary>
    public void Settings(params (string Key, string Value)[] more)
    {
        foreach (var (key, value) in more)
            _annotations[key] = value;
        var existing = Cluster.Find(Resources.PodAutoscalers, "ns", "rev");
        Cluster.Put(
            Resources.PodAutoscalers,
            (existing ?? New()) with
            {
                Metadata = (existing ?? New()).Metadata with { Annotations = _annotations.ToDictionary() },
            }
        );
    }

    /// <summary>Sets the replicas of the Deployment, as created by the Revision reconciler.</summary>
    public void Put(int replicas) =>
        Cluster.Put(
            Resources.Deployments,
            new Deployment
            {
                ApiVersion = "apps/v1",
                Kind = "Deployment",
                Metadata = new ObjectMeta { Namespace = "ns", Name = "rev-deployment" },
                Spec = new DeploymentSpec { Replicas = replicas },
            }
        );

    /// <summary>Evaluates the metric and reconciles once.</summary>
    public async Task PassAsync()
    {
        _deciders.EvaluateAll();
        await Kpa.ReconcileAsync(Key, Cluster, CancellationToken.None);
        await Hpa.ReconcileAsync(Key, Cluster, CancellationToken.None);
    }

    /// <summary>Reconciles once and ignores a failure.</summary>
    public async Task TryPassAsync()
    {
        try
        {
            await PassAsync();
        }
        catch (KubernetesException)
        {
            // Checked through what was written.
        }
    }

    /// <summary>One round: a reconcile, the two Services, and the requested pods.</summary>
    public async Task RoundAsync()
    {
        await PassAsync();
        ServeService();
        PlayHorizontalPodAutoscaler();
        Pods = Math.Min(Room, Replicas);
        Time.Advance(TimeSpan.FromSeconds(2));
    }

    /// <summary>Runs rounds until the PodAutoscaler is ready; returns the number of pods at that time. Throws when that takes too
    /// long.</summary>
    public async Task<int> RunToReadyAsync()
    {
        for (var round = 0; round < 30; round++)
        {
            await RoundAsync();
            if (IsReady)
                return Pods;
        }

        throw new InvalidOperationException(
            "not ready: " + string.Join("; ", Status.Conditions.Select(c => $"{c.Type} {c.Status} {c.Reason} {c.Message}"))
        );
    }

    /// <summary>Lets this many pods of a revision with max-requests-per-pod serve their last request.</summary>
    public Task OccupyAsync(int pods)
    {
        _occupied = pods;
        return _ephemeral.CheckAsync(Cluster, CancellationToken.None);
    }

    /// <summary>Stops traffic and waits until the last pod is removed.</summary>
    public async Task ToZeroAsync()
    {
        Measured = (0, 0);
        for (var round = 0; round < 10 && Pods > 0; round++)
        {
            Time.Advance(TimeSpan.FromMinutes(2));
            await RoundAsync();
        }

        if (Pods > 0)
            throw new InvalidOperationException("never at zero");
    }

    (double Stable, double Panic)? IMetricSource.Average(ObjectKey key, string metric, DateTimeOffset now) => Measured;

    Task<bool> IActivatorProbe.IsInPathAsync(string ns, string service, CancellationToken cancellation) => Task.FromResult(true);

    Task<int?[]> IPodLoads.InFlightAsync(ObjectKey revision, IReadOnlyList<Pod> pods, string service, CancellationToken cancellation)
    {
        Asked++;
        return Task.FromResult<int?[]>([.. pods.Select(pod => InFlight.GetValueOrDefault(pod.Metadata.Name, 0))]);
    }

    private static PodAutoscaler New() =>
        new()
        {
            ApiVersion = Resources.PodAutoscalers.ApiVersion,
            Kind = "PodAutoscaler",
            Metadata = new ObjectMeta
            {
                Namespace = "ns",
                Name = "rev",
                Labels = new Dictionary<string, string> { ["serving.knative.dev/revision"] = "rev" },
            },
            Spec = new PodAutoscalerSpec
            {
                ScaleTargetRef = new ObjectReference
                {
                    ApiVersion = "apps/v1",
                    Kind = "Deployment",
                    Name = "rev-deployment",
                },
                ProtocolType = "http1",
                Reachability = "Reachable",
            },
        };

    private void ServeService()
    {
        var service = Cluster.Find(Resources.ServerlessServices, "ns", "rev")!;
        var now = Time.GetUtcNow();
        var status = ServerlessServiceLifecycle.Initialize(service.Status, now);
        status =
            Pods > 0
                ? ServerlessServiceLifecycle.MarkEndpointsReady(status, now)
                : ServerlessServiceLifecycle.MarkEndpointsNotReady(status, "NoHealthyBackends", now);
        Cluster.Put(
            Resources.ServerlessServices,
            service with
            {
                Status = status with
                {
                    ServiceName = "rev",
                    PrivateServiceName = "rev-private",
                    ObservedGeneration = service.Metadata.Generation,
                },
            }
        );
    }

    // Without load it scales to its minimum immediately.
    private void PlayHorizontalPodAutoscaler()
    {
        if (Cluster.Find(Resources.HorizontalPodAutoscalers, "ns", "rev") is not { } autoscaler)
            return;
        var wanted = Math.Clamp(Replicas, autoscaler.Spec!.MinReplicas ?? 1, autoscaler.Spec.MaxReplicas);
        Put(wanted);
        Cluster.Put(
            Resources.HorizontalPodAutoscalers,
            autoscaler with
            {
                Status = new HorizontalPodAutoscalerStatus { CurrentReplicas = wanted, DesiredReplicas = wanted },
            }
        );
    }

    private void PutPod(int number) =>
        Cluster.Put(
            Resources.Pods,
            new Pod
            {
                ApiVersion = "v1",
                Kind = "Pod",
                Metadata = new ObjectMeta
                {
                    Namespace = "ns",
                    Name = $"rev-{number}",
                    Labels = new Dictionary<string, string> { ["serving.knative.dev/revision"] = "rev" },
                },
                Status = new PodStatus
                {
                    Phase = "Running",
                    PodIP = "10.0.0.1",
                    Conditions = [new Condition { Type = "Ready", Status = "True" }],
                },
            }
        );
}
