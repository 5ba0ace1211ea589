using NSubstitute;
using Serving.Api;
using Serving.Api.Conditions;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Controller.Common;
using Serving.Controller.Configurations;
using Serving.Controller.DomainMappings;
using Serving.Controller.Labeler;
using Serving.Controller.Revisions;
using Serving.Controller.Revisions.Digests;
using Serving.Controller.Routes;
using Serving.Controller.Services;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using Serving.Tests.Support;

namespace Serving.Tests.Controller;

/// <summary>The reconcilers over a cluster in memory, run until nothing changes any more.</summary>
internal sealed class ReconcilingCluster
{
    private readonly List<(IReconciler Reconciler, Func<IEnumerable<ObjectKey>> Keys)> _loops = [];
    private readonly ReferenceTracker _followedByRoutes = new();

    public ReconcilingCluster(IDigestResolver? resolver = null)
    {
        Cluster = new InMemoryCluster(Time);
        var services = Cluster.For(Resources.KnativeServices);
        var configurations = Cluster.For(Resources.Configurations);
        var revisions = Cluster.For(Resources.Revisions);
        var routes = Cluster.For(Resources.Routes);
        Add(services, new ServiceReconciler(services.Lister, configurations.Lister, routes.Lister, revisions.Lister, Events, Time));
        Add(configurations, new ConfigurationReconciler(configurations.Lister, revisions.Lister, Events, Time));
        Start = Time.GetUtcNow();
        Revisions = new RevisionReconciler(
            new RevisionListers(
                revisions.Lister,
                Cluster.For(Resources.Deployments).Lister,
                Cluster.For(Resources.PodAutoscalers).Lister,
                Cluster.For(Resources.Images).Lister,
                Cluster.For(Resources.Pods).Lister,
                Cluster.For(Resources.Certificates).Lister
            ),
            new DigestResolution(resolver ?? new UnresolvedDigests(), Time),
            () => Config,
            "knative-serving",
            Events,
            Time
        );
        Add(revisions, Revisions);
        Add(
            routes,
            new RouteReconciler(
                new RouteListers(
                    routes.Lister,
                    configurations.Lister,
                    revisions.Lister,
                    Cluster.For(Resources.Services).Lister,
                    Cluster.For(Resources.Endpoints).Lister,
                    Cluster.For(Resources.Ingresses).Lister,
                    Cluster.For(Resources.Certificates).Lister
                ),
                _followedByRoutes,
                () => Config,
                "cluster.local",
                Events,
                Time
            )
        );
        var mappings = Cluster.For(Resources.DomainMappings);
        var mapped = new ReferenceTracker();
        Add(
            mappings,
            new DomainMappingReconciler(
                new DomainMappingListers(
                    mappings.Lister,
                    Cluster.For(Resources.Ingresses).Lister,
                    Cluster.For(Resources.Certificates).Lister,
                    Cluster.For(Resources.ClusterDomainClaims).Lister
                ),
                new MappedReferences(
                    services.Lister,
                    routes.Lister,
                    Cluster.For(Resources.Services).Lister,
                    Discovery,
                    mapped,
                    "cluster.local"
                ),
                mapped,
                () => Config,
                Events,
                Time
            )
        );
        Add(routes, new RoutingLabeler(routes.Lister, configurations.Lister, revisions.Lister, new ReferenceTracker(), Events, Time));
    }

    public InMemoryCluster Cluster { get; }

    /// <summary>The time at which the test began.</summary>
    public DateTimeOffset Start { get; }

    public IReconciler Revisions { get; }

    public ManualTimeProvider Time { get; } = new();

    public ConfigSnapshot Config { get; set; } = Samples.Config;

    public IResourceDiscovery Discovery { get; } = Substitute.For<IResourceDiscovery>();

    public IEventRecorder Events { get; } = Substitute.For<IEventRecorder>();

    /// <summary>The reconciler of that name.</summary>
    public IReconciler Named(string name) => _loops.Single(loop => loop.Reconciler.Name == name).Reconciler;

    /// <summary>How many references Routes follow.</summary>
    public int FollowedByRoutes => _followedByRoutes.Count;

    /// <summary>Reconciles everything until a round writes nothing.</summary>
    public async Task SettleAsync()
    {
        for (var round = 0; round < 20; round++)
        {
            Cluster.ForgetWrites();
            await ReconcileOnceAsync();
            if (Cluster.Writes.Count == 0)
            {
                return;
            }
        }

        throw new InvalidOperationException("still writing: " + string.Join(", ", Cluster.Writes));
    }

    /// <summary>Reconciles everything until a round writes nothing, as a loop would that tries again what fails; the failures of all
    /// rounds.</summary>
    public async Task<IReadOnlyList<Exception>> SettleWithFailuresAsync()
    {
        var failures = new List<Exception>();
        for (var round = 0; round < 20; round++)
        {
            Cluster.ForgetWrites();
            var refused = await TryOnceAsync();
            failures.AddRange(refused);
            if (Cluster.Writes.All(write => write.Verb == "create") && Cluster.Writes.Count <= refused.Count)
            {
                return failures;
            }
        }

        throw new InvalidOperationException("still writing: " + string.Join(", ", Cluster.Writes));
    }

    /// <summary>Reconciles everything once; what failed.</summary>
    public async Task<IReadOnlyList<Exception>> TryOnceAsync()
    {
        var failures = new List<Exception>();
        foreach (var (reconciler, keys) in _loops)
        {
            foreach (var key in keys().ToList())
            {
                try
                {
                    await reconciler.ReconcileAsync(key, Cluster, CancellationToken.None);
                }
                catch (Exception failure) when (failure is ChildException or KubernetesException or AggregateException)
                {
                    failures.AddRange(StepFailures.Flatten(failure));
                }
            }
        }

        return failures;
    }

    /// <summary>Reconciles everything once.</summary>
    public async Task ReconcileOnceAsync()
    {
        foreach (var (reconciler, keys) in _loops)
        {
            foreach (var key in keys().ToList())
            {
                await reconciler.ReconcileAsync(key, Cluster, CancellationToken.None);
            }
        }
    }

    /// <summary>Says in the name of autoscaler and Deployment that a Revision serves.</summary>
    public void MakeReady(string revision)
    {
        var autoscaler = Cluster.Find(Resources.PodAutoscalers, Samples.Namespace, revision)!;
        Cluster.Put(
            Resources.PodAutoscalers,
            autoscaler with
            {
                Status = autoscaler.Status with
                {
                    ServiceName = revision,
                    DesiredScale = 1,
                    ActualScale = 1,
                    Conditions = [True("Active"), True("Ready"), True("SKSReady"), True("ScaleTargetInitialized")],
                },
            }
        );
        var deployment = Cluster.Find(Resources.Deployments, Samples.Namespace, revision + "-deployment")!;
        Cluster.Put(
            Resources.Deployments,
            deployment with
            {
                Status = new DeploymentStatus
                {
                    ReadyReplicas = 1,
                    AvailableReplicas = 1,
                    Replicas = 1,
                    Conditions = [True("Progressing")],
                },
            }
        );
    }

    /// <summary>Says in the name of the network layer that an Ingress is served.</summary>
    public void MakeIngressReady(string name, string ip = "")
    {
        var ingress = Cluster.Find(Resources.Ingresses, Samples.Namespace, name)!;
        var balancer = new IngressLoadBalancerStatus
        {
            Ingress =
            [
                ip.Length > 0
                    ? new IngressLoadBalancerAddress { Ip = ip }
                    : new IngressLoadBalancerAddress { DomainInternal = "gateway.knative-serving.svc.cluster.local" },
            ],
        };
        Cluster.Put(
            Resources.Ingresses,
            ingress with
            {
                Status = ingress.Status with
                {
                    ObservedGeneration = ingress.Metadata.Generation,
                    Conditions = [True("Ready")],
                    PublicLoadBalancer = balancer,
                    PrivateLoadBalancer = balancer,
                },
            }
        );
    }

    /// <summary>Says in the name of a certificate controller how a Certificate is.</summary>
    public void SetCertificate(string name, string status, params Http01Challenge[] challenges)
    {
        var certificate = Cluster.Find(Resources.Certificates, Samples.Namespace, name)!;
        Cluster.Put(
            Resources.Certificates,
            certificate with
            {
                Status = certificate.Status with
                {
                    ObservedGeneration = certificate.Metadata.Generation,
                    Conditions = [new Condition { Type = "Ready", Status = status }],
                    Http01Challenges = challenges,
                },
            }
        );
    }

    private static Condition True(string type) => new() { Type = type, Status = ConditionStatus.True };

    private void Add<T>(IInformer<T> informer, IReconciler reconciler)
        where T : class, IKubernetesObject =>
        _loops.Add((reconciler, () => informer.Lister.List().Select(static value => ObjectKey.Of(value))));
}
