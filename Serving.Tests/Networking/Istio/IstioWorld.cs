using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Istio;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.ConfigMaps;
using Serving.Kubernetes;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Networking.Istio;
using Serving.Networking.Istio.Objects;
using Serving.Networking.Layers.Probing;
using Serving.Tests.Networking.Layers;
using Serving.Tests.Support;

namespace Serving.Tests.Networking.Istio;

/// <summary>A cluster with Istio's Services, Gateways and one pod of its gateway, and the reconciler.</summary>
internal sealed class IstioWorld : IDisposable
{
    public const string Host = "hello.default.example.com";
    public const string LocalHost = "hello.default.svc.cluster.local";

    public static readonly ClusterEnvironment Environment = new("knative-serving", "cluster.local", "serving-0", IPAddress.Loopback);

    private readonly StatusProber _prober;

    public IstioWorld()
    {
        _prober = new StatusProber("istio", Probe, Ready.Add, NullLogger.Instance, Time);
        PutIstio(Cluster);
        var listers = new IstioListers(
            Cluster.For(Resources.Ingresses).Lister,
            Cluster.For(IstioResources.VirtualServices).Lister,
            Cluster.For(IstioResources.Gateways).Lister,
            Cluster.For(IstioResources.DestinationRules).Lister,
            Cluster.For(Resources.Secrets).Lister
        );
        var services = Cluster.For(Resources.Services).Lister;
        Reconciler = new IstioReconciler(
            listers,
            new IstioPlanner(listers.Secrets, services, Environment),
            new ProbeTargets(listers.Gateways, services, Cluster.For(Resources.Endpoints).Lister, Environment.ClusterDomain),
            () => Config,
            _prober,
            Events,
            Time
        );
    }

    public ManualTimeProvider Time { get; } = new();

    public InMemoryCluster Cluster { get; } = new();

    public IEventRecorder Events { get; } = Substitute.For<IEventRecorder>();

    public RecordingProbe Probe { get; } = new();

    public List<ObjectKey> Ready { get; } = [];

    public ConfigSnapshot Config { get; set; } = ConfigSnapshot.Default;

    public IstioReconciler Reconciler { get; }

    public Ingress Ingress => Cluster.Find(Resources.Ingresses, "default", "hello")!;

    public static IReadOnlyDictionary<string, string> OfClass(string ingressClass) =>
        new Dictionary<string, string> { [NetworkingKeys.IngressClass.Key] = ingressClass };

    /// <summary>An external host, or with a visibility that one.</summary>
    public static IngressRule Rule(string host, string visibility = "ExternalIP", string backend = "hello-00001") =>
        new()
        {
            Hosts = [host],
            Visibility = visibility,
            Http = new HttpIngressRuleValue
            {
                Paths =
                [
                    new HttpIngressPath
                    {
                        Splits =
                        [
                            new IngressBackendSplit
                            {
                                ServiceNamespace = "default",
                                ServiceName = backend,
                                ServicePort = 80,
                                Percent = 100,
                            },
                        ],
                    },
                ],
            },
        };

    /// <summary>A specification whose external hosts have a certificate.</summary>
    public static IngressSpec Tls(string secret = "route-cert") =>
        new()
        {
            HttpOption = "Enabled",
            Rules = [Rule(Host)],
            Tls =
            [
                new IngressTls
                {
                    Hosts = [Host],
                    SecretName = secret,
                    SecretNamespace = "default",
                },
            ],
        };

    /// <summary>Puts what an installation of Istio has.</summary>
    public static void PutIstio(InMemoryCluster cluster)
    {
        PutService(cluster, "istio-ingressgateway", ("http2", 80, 8080), ("https", 443, 8443));
        PutService(cluster, "knative-local-gateway", ("http2", 80, 8081), ("https", 443, 8444));
        PutGateway(cluster, "knative-ingress-gateway", 80);
        PutGateway(cluster, "knative-local-gateway", 8081);
    }

    public Ingress Put(params IngressRule[] rules) => Put(new IngressSpec { HttpOption = "Enabled", Rules = rules });

    public Ingress Put(IngressSpec spec, string name = "hello", string ingressClass = NetworkingKeys.IstioIngressClass) =>
        Cluster.Put(
            Resources.Ingresses,
            new Ingress
            {
                ApiVersion = Resources.Ingresses.ApiVersion,
                Kind = "Ingress",
                Metadata = new ObjectMeta
                {
                    Namespace = "default",
                    Name = name,
                    Annotations = OfClass(ingressClass),
                },
                Spec = spec,
            }
        );

    /// <summary>Replaces the specification, as the controller does.</summary>
    public Task UpdateAsync(IngressSpec spec) => Cluster.UpdateAsync(Resources.Ingresses, Ingress with { Spec = spec }, default);

    /// <summary>Moves the Ingress to a class.</summary>
    public Task MoveAsync(string ingressClass) =>
        Cluster.UpdateAsync(
            Resources.Ingresses,
            Ingress with
            {
                Metadata = Ingress.Metadata with { Annotations = OfClass(ingressClass) },
            },
            default
        );

    public Secret PutCertificate(string name, params string[] hosts)
    {
        using var authority = new TestAuthority();
        return Cluster.Put(
            Resources.Secrets,
            authority.Secret("default", name, hosts) with
            {
                ApiVersion = "v1",
                Kind = "Secret",
                Type = "kubernetes.io/tls",
            }
        );
    }

    public void Configure(string map, params (string Key, string Value)[] data) =>
        Config = KnownConfigMaps
            .All.Single(kind => kind.Name == map)
            .Apply(Config, data.ToDictionary(static entry => entry.Key, static entry => entry.Value), "cluster.local");

    public Task ReconcileAsync(string name = "hello") =>
        Reconciler.ReconcileAsync(new ObjectKey("default", name), Cluster, CancellationToken.None);

    /// <summary>Reconciles, lets the probes succeed, and reconciles again.</summary>
    public async Task SettleAsync()
    {
        await ReconcileAsync();
        var before = Ready.Count;
        using var stop = new CancellationTokenSource();
        var probing = _prober.RunAsync(stop.Token);
        await Time.PassAsync(TimeSpan.FromSeconds(2), () => Ready.Count > before, TimeSpan.FromMilliseconds(100));
        await stop.CancelAsync();
        await probing;
        await ReconcileAsync();
    }

    public void Dispose() => _prober.Dispose();

    private static void PutService(InMemoryCluster cluster, string name, params (string Name, int Port, int Target)[] ports)
    {
        cluster.Put(
            Resources.Services,
            new CoreService
            {
                ApiVersion = "v1",
                Kind = "Service",
                Metadata = new ObjectMeta { Namespace = "istio-system", Name = name },
                Spec = new CoreServiceSpec
                {
                    Selector = new Dictionary<string, string> { ["istio"] = "ingressgateway" },
                    Ports =
                    [
                        .. ports.Select(static port => new ServicePort
                        {
                            Name = port.Name,
                            Port = port.Port,
                            TargetPort = port.Target,
                        }),
                    ],
                },
            }
        );
        cluster.Put(
            Resources.Endpoints,
            new Endpoints
            {
                ApiVersion = "v1",
                Kind = "Endpoints",
                Metadata = new ObjectMeta { Namespace = "istio-system", Name = name },
                Subsets =
                [
                    new EndpointSubset
                    {
                        Addresses = [new EndpointAddress { Ip = "10.0.0.1" }],
                        Ports = [.. ports.Select(static port => new EndpointPort { Name = port.Name, Port = port.Target })],
                    },
                ],
            }
        );
    }

    private static void PutGateway(InMemoryCluster cluster, string name, int port) =>
        cluster.Put(
            IstioResources.Gateways,
            new IstioGateway
            {
                ApiVersion = IstioResources.Gateways.ApiVersion,
                Kind = "Gateway",
                Metadata = new ObjectMeta { Namespace = "knative-serving", Name = name },
                Spec = new IstioGatewaySpec
                {
                    Selector = new Dictionary<string, string> { ["istio"] = "ingressgateway" },
                    Servers =
                    [
                        new IstioServer
                        {
                            Hosts = ["*"],
                            Port = new IstioPort
                            {
                                Name = "http",
                                Number = port,
                                Protocol = "HTTP",
                            },
                        },
                    ],
                },
            }
        );
}
