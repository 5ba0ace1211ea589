using Serving.Api.Autoscaling;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.Networking;
using Serving.ConfigMaps;
using Serving.Dataplane.Inspection;
using Serving.Kubernetes.Queue;
using Serving.StatusPages.Sources;
using Serving.Tests.Support;

namespace Serving.Tests.StatusPages;

/// <summary>A process as the status pages see it, whose state a test sets.</summary>
internal sealed class StatusWorld : IScalingSource, IRouteSource, IProcessSource
{
    public const string Namespace = "default";

    public ManualTimeProvider Time { get; } = new();

    public InMemoryCaches Caches { get; } = new();

    public IReadOnlyList<ConfigMapState> Configuration { get; set; } = [];

    public IReadOnlyList<WorkQueueState> Queues { get; set; } = [];

    public ScalingReading Scaling { get; set; } = new(true, null, null, null);

    public RouteExplanation? Route { get; set; }

    public ProcessReading Process { get; set; } =
        new("serving-0", "knative-serving", "1.2.3", DateTimeOffset.UnixEpoch, true, [], [new("process", null, null, null)]);

    public IReadOnlyList<ProcessSetting> Settings { get; set; } = [];

    public StatusSources Sources => new(Caches, () => Configuration, () => Queues, this, this, this, Settings);

    public ScalingReading Read(string ns, string revision) => Scaling;

    public RouteExplanation? Explain(string host, string path) => Route;

    ProcessReading IProcessSource.Read() => Process;

    /// <summary>A Service with a condition.</summary>
    public Service PutService(string name, string status = "True", string reason = "", string message = "", string ns = Namespace)
    {
        var service = new Service
        {
            Metadata = new ObjectMeta
            {
                Namespace = ns,
                Name = name,
                Uid = ns + name,
                Generation = 1,
            },
            Status = new ServiceStatus
            {
                ObservedGeneration = 1,
                Url = $"http://{name}.{ns}.example.com",
                LatestCreatedRevisionName = name + "-00001",
                LatestReadyRevisionName = name + "-00001",
                Conditions = [Ready(status, reason, message)],
                Traffic =
                [
                    new TrafficTarget
                    {
                        RevisionName = name + "-00001",
                        Percent = 100,
                        LatestRevision = true,
                    },
                ],
            },
        };
        Caches.Put(service);
        return service;
    }

    /// <summary>A revision of a Service, with its PodAutoscaler and ServerlessService.</summary>
    public void PutRevision(string name, string service, string ns = Namespace)
    {
        var meta = new ObjectMeta
        {
            Namespace = ns,
            Name = name,
            Uid = "uid-" + name,
            CreationTimestamp = Time.GetUtcNow() - TimeSpan.FromMinutes(5),
            Labels = new Dictionary<string, string>
            {
                ["serving.knative.dev/service"] = service,
                ["serving.knative.dev/configurationGeneration"] = "1",
            },
        };
        Caches.Put(
            new Revision
            {
                Metadata = meta,
                Spec = new RevisionSpec
                {
                    ContainerConcurrency = 10,
                    Containers =
                    [
                        new Container { Image = "example.com/hello", Env = [new EnvVar { Name = "PASSWORD", Value = "hunter2" }] },
                    ],
                },
                Status = new RevisionStatus { Conditions = [Ready("True")] },
            }
        );
        Caches.Put(
            new PodAutoscaler
            {
                Metadata = meta,
                Status = new PodAutoscalerStatus { DesiredScale = 3, Conditions = [Ready("True")] },
            }
        );
        Caches.Put(
            new ServerlessService
            {
                Metadata = meta,
                Spec = new ServerlessServiceSpec { Mode = "Serve", NumActivators = 2 },
            }
        );
    }

    /// <summary>A pod of a revision.</summary>
    public void PutPod(string name, string revision, string service, bool isReady = true, ContainerState? state = null) =>
        Caches.Put(
            new Pod
            {
                Metadata = new ObjectMeta
                {
                    Namespace = Namespace,
                    Name = name,
                    Labels = new Dictionary<string, string>
                    {
                        ["serving.knative.dev/revision"] = revision,
                        ["serving.knative.dev/service"] = service,
                    },
                },
                Status = new PodStatus
                {
                    Phase = "Running",
                    PodIP = "10.0.0.1",
                    Conditions = [Ready(isReady ? "True" : "False")],
                    ContainerStatuses =
                    [
                        new ContainerStatus
                        {
                            Name = "user-container",
                            Ready = isReady,
                            RestartCount = 2,
                            State = state,
                        },
                    ],
                },
            }
        );

    /// <summary>The numbers of a decider at ordinary load.</summary>
    public ScalingExplanation Explanation(ScalingDecision? decision = null) =>
        new()
        {
            Metric = "concurrency",
            StableWindow = TimeSpan.FromSeconds(60),
            PanicWindow = TimeSpan.FromSeconds(6),
            PanicThreshold = 2,
            Target = 7,
            Total = 10,
            MaxScaleUpRate = 1000,
            MaxScaleDownRate = 2,
            TargetBurstCapacity = 211,
            ScaleDownDelay = TimeSpan.Zero,
            MinScale = 0,
            MaxScale = 5,
            InitialScale = 1,
            ActivationScale = 0,
            IsReachable = true,
            IsInitialized = true,
            ScalesToZero = true,
            ScaleToZeroGracePeriod = TimeSpan.FromSeconds(30),
            LastPodRetention = TimeSpan.Zero,
            Decision = decision,
            LowerBound = 0,
            UpperBound = 5,
            Bounded = decision?.DesiredPods,
            Wanted = decision?.DesiredPods,
            Requested = decision?.DesiredPods,
            Reserve = null,
            MaxRequestsPerPod = null,
            Finishing = null,
            CollectionFailure = null,
            History = null,
        };

    /// <summary>A decision at ordinary load.</summary>
    public ScalingDecision Decision() =>
        new(Time.GetUtcNow() - TimeSpan.FromSeconds(1), 18.5, 20, 3, 1, 3000, 3, 3, 3, 3, null, 3, 3, -201);

    private Condition Ready(string status, string reason = "", string message = "") =>
        new()
        {
            Type = "Ready",
            Status = status,
            Reason = reason,
            Message = message,
            LastTransitionTime = Time.GetUtcNow() - TimeSpan.FromSeconds(90),
        };
}
