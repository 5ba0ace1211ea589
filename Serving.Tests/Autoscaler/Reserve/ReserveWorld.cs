using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Conditions;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Autoscaler;
using Serving.Autoscaler.Reconcilers;
using Serving.Autoscaler.Reserve;
using Serving.Autoscaler.Scaling;
using Serving.Kubernetes;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Reconcilers;
using Serving.Tests.Support;

namespace Serving.Tests.Autoscaler.Reserve;

/// <summary>
/// One revision <c>ns/rev</c> whose pods can be parked, over an in-memory cluster with the API server's rules of resizes. The test acts as
/// ServerlessService reconciler, Deployment and node.
/// </summary>
internal sealed class ReserveWorld : IMetricSource, IActivatorProbe
{
    private readonly AutoscalerInformers _informers;
    private readonly string _name;
    private Deciders _deciders = null!;
    private int _made;

    public ReserveWorld()
        : this(new ManualTimeProvider(), "rev") { }

    private ReserveWorld(ManualTimeProvider time, string name, InMemoryCluster? cluster = null)
    {
        _name = name;
        Time = time;
        Cluster = cluster ?? new InMemoryCluster(Time);
        _informers = new AutoscalerInformers(Cluster);
        Restart();
        if (cluster is not null)
            return;
        Put(Template("100m", "128Mi"));
        Annotate((ReserveKeys.Scale, "1"), (ReserveKeys.Memory, "32Mi"));
    }

    public ManualTimeProvider Time { get; }

    public InMemoryCluster Cluster { get; }

    public IEventRecorder Events { get; } = Substitute.For<IEventRecorder>();

    public ConfigSnapshot Config { get; set; } = ConfigSnapshot.Default;

    public IReconciler Reconciler { get; private set; } = null!;

    public (double Stable, double Panic)? Measured { get; set; }

    public bool IsResizeServed { get; set; } = true;

    public bool IsInPath { get; set; } = true;

    public int Probes { get; private set; }

    public bool? IsPaused { get; private set; }

    /// <summary>What metrics export; the next leader begins with an empty one.</summary>
    public PodCountBoard Board { get; private set; } = new();

    public PodAutoscalerStatus Status => Cluster.Find(Resources.PodAutoscalers, "ns", _name)!.Status;

    public int Replicas => Cluster.Find(Resources.Deployments, "ns", _name + "-deployment")!.Spec!.Replicas ?? 1;

    public string Mode => Cluster.Find(Resources.ServerlessServices, "ns", _name)!.Spec.Mode;

    public IReadOnlyList<Pod> Pods =>
        [.. _informers.Pods.Lister.ByLabel("ns", ServingKeys.Revision, _name).OrderBy(pod => pod.Metadata.Name, StringComparer.Ordinal)];

    /// <summary>Another revision of the same cluster, in the same state.</summary>
    public ReserveWorld Copy(string name)
    {
        void CopyAll<T>(ResourceType<T> type, params IEnumerable<T> all)
            where T : class, IKubernetesObject
        {
            foreach (var one in all)
            {
                var json = JsonSerializer.Serialize(one, type.Json).Replace($"\"{_name}", $"\"{name}", StringComparison.Ordinal);
                Cluster.Put(type, JsonSerializer.Deserialize(json, type.Json)!);
            }
        }

        CopyAll(Resources.Deployments, Cluster.Find(Resources.Deployments, "ns", _name + "-deployment")!);
        CopyAll(Resources.ServerlessServices, Cluster.Find(Resources.ServerlessServices, "ns", _name)!);
        CopyAll(Resources.Metrics, Cluster.Find(Resources.Metrics, "ns", _name)!);
        CopyAll(Resources.Pods, Pods);
        CopyAll(Resources.PodAutoscalers, Cluster.Find(Resources.PodAutoscalers, "ns", _name)!);
        return new ReserveWorld(Time, name, Cluster) { Measured = Measured };
    }

    /// <summary>Status, reason and message of a condition.</summary>
    public (string Status, string Reason, string Message) Condition(string type) =>
        ConditionSet.Get(Status.Conditions, type) is { } found ? (found.Status, found.Reason, found.Message) : ("", "", "");

    /// <summary>The requests of CPU of a pod's containers.</summary>
    public static string Cpu(Pod pod) =>
        string.Join(' ', pod.Spec!.Containers.Select(one => one.Resources?.Requests?.GetValueOrDefault("cpu")));

    /// <summary>Another process becomes leader: nothing is remembered.</summary>
    public void Restart()
    {
        Board = new PodCountBoard();
        _deciders = new Deciders(
            this,
            key => RevisionPods.Count(_informers.Pods.Lister, key.Namespace, key.Name).Ready,
            Time,
            NullLogger.Instance
        );
        Reconciler = new PodAutoscalerReconciler(
            _informers,
            () => Config,
            _deciders,
            this,
            Board,
            Events,
            Time,
            new Parking(Events, _ => Task.FromResult(IsResizeServed), Time),
            (_, paused) => IsPaused = paused
        );
    }

    /// <summary>The template of pods with these requests of the user container, and with limits in a Guaranteed pod.</summary>
    public static PodSpec Template(string cpu, string memory, bool isGuaranteed = false)
    {
        ResourceRequirements Of(string one, string? other) =>
            new()
            {
                Requests = other is null
                    ? new Dictionary<string, Quantity> { ["cpu"] = one }
                    : new Dictionary<string, Quantity> { ["cpu"] = one, ["memory"] = other },
                Limits = isGuaranteed ? new Dictionary<string, Quantity> { ["cpu"] = one, ["memory"] = other! } : null,
            };
        return new PodSpec
        {
            Containers =
            [
                new Container
                {
                    Name = "user-container",
                    Image = "app",
                    Resources = Of(cpu, memory),
                },
                new Container
                {
                    Name = "queue-proxy",
                    Image = "queue",
                    Resources = Of("25m", isGuaranteed ? "50Mi" : null),
                },
            ],
        };
    }

    /// <summary>Sets the template of the Deployment.</summary>
    public void Put(PodSpec template, int replicas = 1) =>
        Cluster.Put(
            Resources.Deployments,
            new Deployment
            {
                ApiVersion = "apps/v1",
                Kind = "Deployment",
                Metadata = new ObjectMeta { Namespace = "ns", Name = _name + "-deployment" },
                Spec = new DeploymentSpec
                {
                    Replicas = replicas,
                    Template = new PodTemplateSpec { Spec = template },
                },
            }
        );

    /// <summary>Adds annotations.</summary>
    public void Annotate(params (string Key, string Value)[] more)
    {
        var existing = Cluster.Find(Resources.PodAutoscalers, "ns", _name) ?? New();
        var annotations = existing.Metadata.Annotations.ToDictionary();
        foreach (var (key, value) in more)
            annotations[key] = value;
        Cluster.Put(Resources.PodAutoscalers, existing with { Metadata = existing.Metadata with { Annotations = annotations } });
    }

    /// <summary>Changes the specification.</summary>
    public void Reach(string reachability)
    {
        var existing = Cluster.Find(Resources.PodAutoscalers, "ns", _name)!;
        Cluster.Put(Resources.PodAutoscalers, existing with { Spec = existing.Spec with { Reachability = reachability } });
    }

    /// <summary>Evaluates the metric and reconciles.</summary>
    public async Task<Reconcile> PassAsync()
    {
        _deciders.EvaluateAll();
        return await Reconciler.ReconcileAsync(new ObjectKey("ns", _name), Cluster, CancellationToken.None);
    }

    /// <summary>A request arrives: an activator's stat, and the reconcile that it triggers.</summary>
    public async Task RequestAsync()
    {
        Measured = (1, 1);
        await PassAsync();
    }

    /// <summary>A round: a reconcile, the Services, the pods and what the nodes do.</summary>
    public async Task RoundAsync()
    {
        await PassAsync();
        PlayService();
        PlayDeployment();
        PlayNodes();
    }

    /// <summary>Serves a request, then waits until the revision is idle and everything settled.</summary>
    public async Task BecomeIdleAsync()
    {
        await BecomeActiveAsync();
        Measured = (0, 0);
        for (var i = 0; i < 8; i++)
        {
            Time.Advance(TimeSpan.FromSeconds(61));
            await RoundAsync();
        }
    }

    /// <summary>Serves a request.</summary>
    public async Task BecomeActiveAsync()
    {
        Measured = (1, 1);
        for (var i = 0; i < 5; i++)
        {
            await RoundAsync();
            Time.Advance(TimeSpan.FromSeconds(2));
        }
    }

    /// <summary>Nodes give each container what its pod requests.</summary>
    public void PlayNodes()
    {
        foreach (var pod in Pods)
            SetNode(pod);
    }

    /// <summary>A node's state of a resize: a condition, or everything granted.</summary>
    public void SetNode(Pod pod, string condition = "", string reason = "", string message = "")
    {
        var status = pod.Status! with
        {
            ContainerStatuses =
                condition.Length > 0
                    ? pod.Status.ContainerStatuses
                    :
                    [
                        .. pod.Spec!.Containers.Select(one => new ContainerStatus
                        {
                            Name = one.Name,
                            Ready = true,
                            Resources = one.Resources,
                        }),
                    ],
            Conditions =
            [
                .. pod.Status.Conditions.Where(one => !one.Type.StartsWith("PodResize", StringComparison.Ordinal)),
                .. condition.Length > 0
                    ? new[]
                    {
                        new Condition
                        {
                            Type = condition,
                            Status = "True",
                            Reason = reason,
                            Message = message,
                        },
                    }
                    : [],
            ],
        };
        if (!ApiEquality.Same(pod.Status, status))
            Cluster.Put(Resources.Pods, pod with { Status = status });
    }

    /// <summary>The Deployment runs its replicas from its template.</summary>
    public void PlayDeployment()
    {
        foreach (var pod in Pods.Skip(Replicas))
            Delete(pod);
        var template = Cluster.Find(Resources.Deployments, "ns", _name + "-deployment")!.Spec!.Template!.Spec!;
        while (Pods.Count < Replicas)
        {
            Cluster.Put(
                Resources.Pods,
                new Pod
                {
                    ApiVersion = "v1",
                    Kind = "Pod",
                    Metadata = new ObjectMeta
                    {
                        Namespace = "ns",
                        Name = $"{_name}-{++_made:000}",
                        Labels = new Dictionary<string, string> { [ServingKeys.Revision] = _name },
                    },
                    Spec = template,
                    Status = new PodStatus { Phase = "Running", Conditions = [new Condition { Type = "Ready", Status = "True" }] },
                }
            );
        }
    }

    /// <summary>Deletes a pod.</summary>
    public void Delete(Pod pod) =>
        Cluster.DeleteAsync(Resources.Pods, "ns", pod.Metadata.Name, CancellationToken.None).GetAwaiter().GetResult();

    (double Stable, double Panic)? IMetricSource.Average(ObjectKey key, string metric, DateTimeOffset now) => Measured;

    Task<bool> IActivatorProbe.IsInPathAsync(string ns, string service, CancellationToken cancellation)
    {
        Probes++;
        return Task.FromResult(IsInPath);
    }

    private PodAutoscaler New() =>
        new()
        {
            ApiVersion = Resources.PodAutoscalers.ApiVersion,
            Kind = "PodAutoscaler",
            Metadata = new ObjectMeta
            {
                Namespace = "ns",
                Name = _name,
                Labels = new Dictionary<string, string> { [ServingKeys.Revision] = _name },
            },
            Spec = new PodAutoscalerSpec
            {
                ScaleTargetRef = new ObjectReference
                {
                    ApiVersion = "apps/v1",
                    Kind = "Deployment",
                    Name = _name + "-deployment",
                },
                ProtocolType = "http1",
                Reachability = "Reachable",
            },
        };

    private void PlayService()
    {
        var service = Cluster.Find(Resources.ServerlessServices, "ns", _name)!;
        var status = ServerlessServiceLifecycle.Initialize(service.Status, Time.GetUtcNow());
        var wanted = service with
        {
            Status = ServerlessServiceLifecycle.MarkEndpointsReady(status, Time.GetUtcNow()) with
            {
                ServiceName = _name,
                PrivateServiceName = _name + "-private",
                ObservedGeneration = service.Metadata.Generation,
            },
        };
        if (!ApiEquality.Same(service.Status, wanted.Status))
            Cluster.Put(Resources.ServerlessServices, wanted);
    }
}
