using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.CertManager;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.GatewayApi;
using Serving.Api.Istio;
using Serving.Api.Knative;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Autoscaler.Collection;
using Serving.Autoscaler.Reconcilers;
using Serving.Controller.CertManager;
using Serving.Controller.NamespaceCertificates;
using Serving.Controller.ServerlessServices;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Networking.Gateway;
using Serving.Networking.Gateway.Readiness;
using Serving.Tests.Autoscaler;
using Serving.Tests.Controller;
using Serving.Tests.Networking.GatewayApi;
using Serving.Tests.Networking.Istio;
using Serving.Tests.Support;

namespace Serving.Tests.Kubernetes.Reconcilers;

/// <summary>Every reconciler of Serving, at rest.</summary>
internal static class ReconcilerCases
{
    private const string Domain = "shop.example.org";
    private static readonly ClusterEnvironment Environment = new("knative-serving", "cluster.local", "serving-0", IPAddress.Loopback);

    /// <summary>Each with a child, if it has any: the name of the case, and what makes it.</summary>
    public static IReadOnlyDictionary<string, Func<Task<ReconcilerCase>>> All { get; } =
        new Dictionary<string, Func<Task<ReconcilerCase>>>
        {
            ["service, Configuration"] = () =>
                ServiceAsync("service", Owner(Resources.KnativeServices, "hello"), Child(Resources.Configurations, "hello")),
            ["service, Route"] = () => ServiceAsync("service", Owner(Resources.KnativeServices, "hello"), Child(Resources.Routes, "hello")),
            ["configuration, Revision"] = () =>
                ServiceAsync("configuration", Owner(Resources.Configurations, "hello"), Child(Resources.Revisions, "hello-00002")),
            ["revision, Deployment"] = () =>
                ServiceAsync("revision", Owner(Resources.Revisions, "hello-00001"), Child(Resources.Deployments, "hello-00001-deployment")),
            ["revision, PodAutoscaler"] = () =>
                ServiceAsync("revision", Owner(Resources.Revisions, "hello-00001"), Child(Resources.PodAutoscalers, "hello-00001")),
            ["revision, Image"] = () =>
                ServiceAsync(
                    "revision",
                    Owner(Resources.Revisions, "hello-00001"),
                    Child(Resources.Images, "hello-00001-cache-user-container")
                ),
            ["route, Ingress"] = () => ServiceAsync("route", Owner(Resources.Routes, "hello"), Child(Resources.Ingresses, "hello")),
            ["route, Service"] = () => ServiceAsync("route", Owner(Resources.Routes, "hello"), Child(Resources.Services, "hello")),
            ["domainmapping, Ingress"] = () =>
                ServiceAsync("domainmapping", Owner(Resources.DomainMappings, Domain), Child(Resources.Ingresses, Domain)),
            ["certificate, Certificate"] = CertManagerAsync,
            ["namespace, Certificate"] = NamespaceAsync,
            ["serverlessservice, Service"] = () => ServerlessServiceAsync(Child(Resources.Services, "rev")),
            ["serverlessservice, private Service"] = () => ServerlessServiceAsync(Child(Resources.Services, "rev-private")),
            ["serverlessservice, Endpoints"] = () => ServerlessServiceAsync(Child(Resources.Endpoints, "rev")),
            ["podautoscaler, Metric"] = () => AutoscalerAsync(hpa: false, Child(Resources.Metrics, "rev", "ns")),
            ["podautoscaler, ServerlessService"] = () => AutoscalerAsync(hpa: false, Child(Resources.ServerlessServices, "rev", "ns")),
            ["hpa, HorizontalPodAutoscaler"] = () => AutoscalerAsync(hpa: true, Child(Resources.HorizontalPodAutoscalers, "rev", "ns")),
            ["hpa, ServerlessService"] = () => AutoscalerAsync(hpa: true, Child(Resources.ServerlessServices, "rev", "ns")),
            ["metric"] = MetricAsync,
            ["ingress"] = IngressAsync,
            ["istio-ingress, VirtualService"] = () => IstioAsync(Child(IstioResources.VirtualServices, "hello-ingress")),
            ["istio-ingress, Gateway"] = () => IstioAsync(Child(IstioResources.Gateways, "hello-3797421420")),
            ["gateway-api-ingress, HTTPRoute"] = () => GatewayApiAsync(Child(GatewayApiResources.HttpRoutes, "hello.example.com")),
            ["gateway-api-ingress, ReferenceGrant"] = () =>
                GatewayApiAsync(Child(GatewayApiResources.ReferenceGrants, "hello-certificate-istio-system")),
        };

    private static CaseObject<T> Owner<T>(ResourceType<T> type, string name, string ns = "default")
        where T : class, IKubernetesObject => new(type, ns, name);

    private static CaseObject<T> Child<T>(ResourceType<T> type, string name, string ns = "default")
        where T : class, IKubernetesObject => new(type, ns, name);

    /// <summary>A Service with all that is beneath it, ready, and a DomainMapping that leads to it.</summary>
    private static async Task<ReconcilerCase> ServiceAsync(string reconciler, ICaseObject owner, ICaseObject child)
    {
        var world = new ReconcilingCluster();
        world.Config = world.Config with { Network = world.Config.Network with { AutocreateClusterDomainClaims = true } };
        world.Cluster.Put(Resources.KnativeServices, Samples.Service());
        world.Cluster.Put(
            Resources.DomainMappings,
            new DomainMapping
            {
                ApiVersion = Resources.DomainMappings.ApiVersion,
                Kind = "DomainMapping",
                Metadata = new ObjectMeta { Namespace = Samples.Namespace, Name = Domain },
                Spec = new DomainMappingSpec
                {
                    Ref = new ObjectReference
                    {
                        ApiVersion = "serving.knative.dev/v1",
                        Kind = "Service",
                        Name = "hello",
                        Namespace = Samples.Namespace,
                    },
                },
            }
        );
        await world.SettleAsync();
        world.MakeReady("hello-00001");
        await world.SettleAsync();
        world.MakeIngressReady("hello");
        world.MakeIngressReady(Domain);
        await world.SettleAsync();
        return new ReconcilerCase(world.Named(reconciler), world.Cluster, world.Events, owner, child);
    }

    private static async Task<ReconcilerCase> AutoscalerAsync(bool hpa, ICaseObject child)
    {
        var world = new AutoscalerWorld();
        if (hpa)
        {
            world.Settings((AutoscalingKeys.Class.Key, AutoscalingKeys.HpaClass));
        }

        await world.RunToReadyAsync();
        return await SettledAsync(
            new ReconcilerCase(
                hpa ? world.Hpa : world.Kpa,
                world.Cluster,
                world.Events,
                Owner(Resources.PodAutoscalers, "rev", "ns"),
                child
            )
        );
    }

    private static Task<ReconcilerCase> ServerlessServiceAsync(ICaseObject child)
    {
        var cluster = new InMemoryCluster();
        cluster.Put(
            Resources.Deployments,
            new Deployment
            {
                Metadata = new ObjectMeta { Namespace = "default", Name = "rev-deployment" },
                Spec = new DeploymentSpec
                {
                    Selector = new LabelSelector
                    {
                        MatchLabels = new Dictionary<string, string> { ["serving.knative.dev/revisionUID"] = "u" },
                    },
                },
            }
        );
        cluster.Put(
            Resources.ServerlessServices,
            new ServerlessService
            {
                ApiVersion = Resources.ServerlessServices.ApiVersion,
                Kind = "ServerlessService",
                Metadata = new ObjectMeta { Namespace = "default", Name = "rev" },
                Spec = new ServerlessServiceSpec
                {
                    Mode = "Serve",
                    ProtocolType = "http1",
                    ObjectRef = new ObjectReference
                    {
                        ApiVersion = "apps/v1",
                        Kind = "Deployment",
                        Name = "rev-deployment",
                    },
                },
            }
        );
        var events = Substitute.For<IEventRecorder>();
        return SettledAsync(
            new ReconcilerCase(
                new ServerlessServiceReconciler(cluster, Environment, events, TimeProvider.System),
                cluster,
                events,
                Owner(Resources.ServerlessServices, "rev"),
                child
            )
        );
    }

    private static Task<ReconcilerCase> CertManagerAsync()
    {
        var cluster = new InMemoryCluster();
        cluster.Put(
            CertManagerResources.ClusterIssuers,
            new CertManagerIssuer
            {
                Metadata = new ObjectMeta { Name = "knative-selfsigned-issuer" },
                Spec = JsonSerializer.Deserialize<CertManagerIssuerSpec>("""{"selfSigned":{}}""", ApiJson.Default.Options)!,
            }
        );
        cluster.Put(
            Resources.Certificates,
            new Certificate
            {
                ApiVersion = Resources.Certificates.ApiVersion,
                Kind = "Certificate",
                Metadata = new ObjectMeta
                {
                    Name = "route-1",
                    Namespace = "default",
                    Labels = new Dictionary<string, string> { [NetworkingKeys.CertificateType] = "external-domain" },
                },
                Spec = new CertificateSpec
                {
                    DnsNames = ["hello.default.example.com"],
                    Domain = "example.com",
                    SecretName = "route-1",
                },
            }
        );
        var events = Substitute.For<IEventRecorder>();
        var reconciler = new CertManagerReconciler(
            cluster.For(Resources.Certificates).Lister,
            new HttpChallenges(cluster.For(Resources.Services).Lister),
            static () => ConfigSnapshot.Default,
            events,
            TimeProvider.System
        )
        {
            Made = cluster.For(CertManagerResources.Certificates).Lister,
        };
        return SettledAsync(
            new ReconcilerCase(
                reconciler,
                cluster,
                events,
                Owner(Resources.Certificates, "route-1"),
                Child(CertManagerResources.Certificates, "route-1")
            )
        );
    }

    private static Task<ReconcilerCase> NamespaceAsync()
    {
        var cluster = new InMemoryCluster();
        var selected = new Dictionary<string, string> { ["tls"] = "wildcard" };
        cluster.Put(
            Resources.Namespaces,
            new Namespace
            {
                ApiVersion = "v1",
                Kind = "Namespace",
                Metadata = new ObjectMeta { Name = "shop", Labels = selected },
            }
        );
        var config = Samples.Config with
        {
            Domain = Samples.Config.Domain with { Wildcards = new HashSet<string> { "example.com" } },
            Network = NetworkConfig.Default with { NamespaceWildcardCertSelector = new LabelSelector { MatchLabels = selected } },
        };
        var events = Substitute.For<IEventRecorder>();
        return SettledAsync(
            new ReconcilerCase(
                new NamespaceCertificateReconciler(
                    cluster.For(Resources.Namespaces).Lister,
                    cluster.For(Resources.Certificates).Lister,
                    () => config,
                    events
                ),
                cluster,
                events,
                Owner(Resources.Namespaces, "shop", ""),
                Child(Resources.Certificates, "shop.example.com", "shop")
            )
        );
    }

    private static Task<ReconcilerCase> MetricAsync()
    {
        var cluster = new InMemoryCluster();
        cluster.Put(
            Resources.Metrics,
            new Metric
            {
                ApiVersion = Resources.Metrics.ApiVersion,
                Kind = "Metric",
                Metadata = new ObjectMeta { Namespace = "ns", Name = "rev" },
                Spec = new MetricSpec
                {
                    StableWindow = 60_000_000_000,
                    PanicWindow = 6_000_000_000,
                    ScrapeTarget = "rev-private",
                },
            }
        );
        var events = Substitute.For<IEventRecorder>();
        var collector = new MetricCollector(new NoScraper(), new ManualTimeProvider(), NullLogger.Instance);
        return SettledAsync(
            new ReconcilerCase(
                new MetricReconciler(cluster.For(Resources.Metrics), collector, events, TimeProvider.System),
                cluster,
                events,
                Owner(Resources.Metrics, "rev", "ns")
            )
        );
    }

    private static Task<ReconcilerCase> IngressAsync()
    {
        var cluster = new InMemoryCluster();
        Networking.Gateway.Cluster.PutIngress(cluster, "one", Networking.Gateway.Cluster.Rule("a.b", Networking.Gateway.Cluster.To("a")));
        var events = Substitute.For<IEventRecorder>();
        var options = new GatewayOptions(new IPEndPoint(IPAddress.Loopback, 0), new IPEndPoint(IPAddress.Loopback, 0));
        var replicas = new Replicas(
            options,
            Environment,
            cluster.For(Resources.Endpoints),
            local: null,
            new ReplicaProbe(static () => false, NullLogger.Instance),
            TimeProvider.System
        );
        return SettledAsync(
            new ReconcilerCase(
                new IngressStatusReconciler(options, Environment, cluster.For(Resources.Ingresses), replicas, events, TimeProvider.System),
                cluster,
                events,
                Owner(Resources.Ingresses, "one")
            )
        );
    }

    private static Task<ReconcilerCase> IstioAsync(ICaseObject child)
    {
        var world = new IstioWorld();
        world.PutCertificate("route-cert", IstioWorld.Host);
        world.Put(IstioWorld.Tls());
        return SettledAsync(new ReconcilerCase(world.Reconciler, world.Cluster, world.Events, Owner(Resources.Ingresses, "hello"), child));
    }

    private static async Task<ReconcilerCase> GatewayApiAsync(ICaseObject child)
    {
        var world = new GatewayApiWorld();
        string[] hosts = ["hello.example.com"];
        world.Put(
            new IngressSpec
            {
                Rules = [GatewayApiWorld.Rule("ExternalIP", hosts, GatewayApiWorld.To(("one", 100)))],
                Tls = [new IngressTls { Hosts = hosts, SecretName = "certificate" }],
            }
        );
        await world.SettleAsync();
        return new ReconcilerCase(world.Reconciler, world.Cluster, world.Events, Owner(Resources.Ingresses, "hello"), child);
    }

    private static async Task<ReconcilerCase> SettledAsync(ReconcilerCase made)
    {
        for (var round = 0; round < 10; round++)
        {
            made.Cluster.ForgetWrites();
            await made.Reconciler.ReconcileAsync(made.Owner.Key, made.Cluster, CancellationToken.None);
            if (made.Cluster.Writes.Count == 0)
            {
                return made;
            }
        }

        throw new InvalidOperationException("still writing: " + string.Join(", ", made.Cluster.Writes));
    }

    private sealed class NoScraper : IPodScraper
    {
        public Task<Stat?> ScrapeAsync(Metric metric, ScrapeMemory memory, CancellationToken cancellation) => Task.FromResult<Stat?>(null);
    }
}
