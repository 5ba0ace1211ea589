using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.GatewayApi;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes;
using Serving.Kubernetes.Events;
using Serving.Networking.GatewayApi;
using Serving.Networking.GatewayApi.Objects;
using Serving.Networking.Layers;
using Serving.Networking.Layers.Probing;
using Serving.Tests.Networking.Layers;
using Serving.Tests.Support;

namespace Serving.Tests.Networking.GatewayApi;

/// <summary>The reconciler over a cluster in memory with two Gateways, and a data plane that the test plays.</summary>
internal sealed class GatewayApiWorld : IDisposable
{
    public const string Namespace = "default";
    public const string Uid = "11111111-2222-3333-4444-555555555555";
    private readonly StatusProber _prober;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _probing;

    public GatewayApiWorld()
    {
        Cluster = new InMemoryCluster(Time);
        _prober = new StatusProber("test", Probe, static _ => { }, NullLogger.Instance, Time);
        var gateways = Cluster.For(GatewayApiResources.Gateways).Lister;
        Reconciler = new GatewayApiReconciler(
            GatewayApiModule.Layer,
            Cluster.For(Resources.Ingresses).Lister,
            _prober,
            new RouteObjects(Cluster.For(GatewayApiResources.HttpRoutes).Lister, Events),
            new ListenerObjects(gateways, Cluster.For(GatewayApiResources.ReferenceGrants).Lister, Events),
            new GatewayPods(gateways, Cluster.For(Resources.Endpoints).Lister, "cluster.local"),
            () => Config,
            Events,
            Time
        );
        PutGateway(Config.ExternalGateway.Gateway);
        PutGateway(Config.LocalGateway.Gateway);
        PutPods(Config.ExternalGateway.Service!, "10.0.0.1");
        PutPods(Config.LocalGateway.Service!, "10.0.0.2");
        _probing = _prober.RunAsync(_stop.Token);
    }

    public ManualTimeProvider Time { get; } = new();

    public InMemoryCluster Cluster { get; }

    public IEventRecorder Events { get; } = Substitute.For<IEventRecorder>();

    public GatewayApiConfig Config { get; set; } = GatewayApiConfig.Default;

    public GatewayApiReconciler Reconciler { get; }

    /// <summary>The pods of the data plane.</summary>
    public RecordingProbe Probe { get; } = new();

    public IReadOnlyList<HttpRoute> Routes => Cluster.All(GatewayApiResources.HttpRoutes);

    public void Dispose()
    {
        _stop.Cancel();
        _probing.GetAwaiter().GetResult();
        _prober.Dispose();
        _stop.Dispose();
    }

    public static IngressRule Rule(string visibility, string[] hosts, params HttpIngressPath[] paths) =>
        new()
        {
            Hosts = hosts,
            Visibility = visibility,
            Http = new HttpIngressRuleValue { Paths = paths },
        };

    public static HttpIngressPath To(params (string Service, int Percent)[] splits) =>
        new()
        {
            Splits =
            [
                .. splits.Select(static split => new IngressBackendSplit
                {
                    ServiceNamespace = Namespace,
                    ServiceName = split.Service,
                    ServicePort = 80,
                    Percent = split.Percent,
                    AppendHeaders = new Dictionary<string, string> { ["Knative-Serving-Revision"] = split.Service },
                }),
            ],
        };

    public const string HelloHost = "hello.default.example.com";

    public static IngressRule External(string service) => Rule(IngressVisibility.External, [HelloHost], To((service, 100)));

    public static IngressSpec WithTls(string secret) =>
        new()
        {
            Rules = [External("one")],
            Tls =
            [
                new IngressTls
                {
                    Hosts = [HelloHost],
                    SecretName = secret,
                    SecretNamespace = Namespace,
                },
            ],
        };

    /// <summary>Stores the Ingress <c>hello</c>; a changed one has the next generation.</summary>
    public Ingress Put(IngressSpec spec, string name = "hello")
    {
        var before = Cluster.Find(Resources.Ingresses, Namespace, name);
        var ingress =
            before
            ?? new Ingress
            {
                ApiVersion = Resources.Ingresses.ApiVersion,
                Kind = Resources.Ingresses.Kind,
                Metadata = new ObjectMeta
                {
                    Namespace = Namespace,
                    Name = name,
                    Uid = Uid,
                    Generation = 0,
                    Annotations = new Dictionary<string, string>
                    {
                        [NetworkingKeys.IngressClass.Key] = GatewayApiModule.Layer.IngressClass,
                    },
                },
            };
        return Cluster.Put(
            Resources.Ingresses,
            ingress with
            {
                Spec = spec,
                Metadata = ingress.Metadata with { Generation = ingress.Metadata.Generation + 1 },
            }
        );
    }

    public Ingress Put(params IngressRule[] rules) => Put(new IngressSpec { Rules = rules });

    public Ingress Ingress(string name = "hello") => Cluster.Find(Resources.Ingresses, Namespace, name)!;

    public Condition Condition(string type) => Ingress().Status.Conditions.Single(condition => condition.Type == type);

    public KubernetesGateway Gateway(ObjectName name) => Cluster.Find(GatewayApiResources.Gateways, name.Namespace, name.Name)!;

    public void PutGateway(ObjectName name, params GatewayListener[] listeners) =>
        Cluster.Put(
            GatewayApiResources.Gateways,
            new KubernetesGateway
            {
                ApiVersion = GatewayApiResources.Gateways.ApiVersion,
                Kind = GatewayApiResources.Gateways.Kind,
                Metadata = new ObjectMeta { Namespace = name.Namespace, Name = name.Name },
                Spec = new GatewaySpec { GatewayClassName = "istio", Listeners = [PlainListener, .. listeners] },
            }
        );

    public static GatewayListener PlainListener { get; } =
        new()
        {
            Name = "http",
            Port = 80,
            Protocol = "HTTP",
            AllowedRoutes = new GatewayAllowedRoutes { Namespaces = new GatewayRouteNamespaces { From = "All" } },
        };

    public void PutPods(ObjectName service, params string[] addresses) =>
        Cluster.Put(
            Resources.Endpoints,
            new Endpoints
            {
                Metadata = new ObjectMeta { Namespace = service.Namespace, Name = service.Name },
                Subsets =
                [
                    new EndpointSubset
                    {
                        Addresses = [.. addresses.Select(static address => new EndpointAddress { Ip = address })],
                        Ports =
                        [
                            new EndpointPort { Name = "status", Port = 15021 },
                            new EndpointPort { Name = "http2", Port = 8080 },
                            new EndpointPort { Name = "https", Port = 8443 },
                        ],
                    },
                ],
            }
        );

    /// <summary>Reconciles once, and checks every object of the Gateway API that there is then.</summary>
    public async Task ReconcileAsync(string name = "hello")
    {
        await Reconciler.ReconcileAsync(new ObjectKey(Namespace, name), Cluster, CancellationToken.None);
        foreach (var route in Routes)
        {
            GatewayApiDefinitions.Check(GatewayApiResources.HttpRoutes, route);
        }

        foreach (var gateway in Cluster.All(GatewayApiResources.Gateways))
        {
            GatewayApiDefinitions.Check(GatewayApiResources.Gateways, gateway);
        }

        foreach (var grant in Cluster.All(GatewayApiResources.ReferenceGrants))
        {
            GatewayApiDefinitions.Check(GatewayApiResources.ReferenceGrants, grant);
        }
    }

    /// <summary>Plays the controller of the Gateways: every HTTPRoute is accepted.</summary>
    public void Accept(string accepted = "True", string resolved = "True")
    {
        foreach (var route in Routes)
        {
            Cluster.Put(
                GatewayApiResources.HttpRoutes,
                route with
                {
                    Status = new HttpRouteStatus
                    {
                        Parents =
                        [
                            .. route.Spec.ParentRefs.Select(parent => new HttpRouteParentStatus
                            {
                                ParentRef = parent,
                                ControllerName = "example.com/gateway",
                                Conditions =
                                [
                                    RouteCondition("Accepted", accepted, "NotAllowedByListeners"),
                                    RouteCondition("ResolvedRefs", resolved, "BackendNotFound"),
                                ],
                            }),
                        ],
                    },
                }
            );
        }
    }

    /// <summary>Lets the probes of the current version be sent.</summary>
    public async Task ProbeAsync()
    {
        var before = Probe.Sent.Count;
        Time.Advance(StatusProber.FirstDelay);
        await Eventually.HoldsAsync(() => Probe.Sent.Count.Should().BeGreaterThan(before));
    }

    /// <summary>Reconciles, accepts and probes until the Ingress is ready and nothing is written any more.</summary>
    public Task SettleAsync(string name = "hello") =>
        Eventually.HoldsAsync(async () =>
        {
            Cluster.ForgetWrites();
            await ReconcileAsync(name);
            var wasAtRest = Cluster.Writes.Count == 0;
            Accept();
            Time.Advance(StatusProber.FirstDelay);
            IngressLifecycle.IsReady(Ingress(name)).Should().BeTrue(string.Join("; ", Ingress(name).Status.Conditions));
            wasAtRest.Should().BeTrue(string.Join(", ", Cluster.Writes));
        });

    private static Condition RouteCondition(string type, string status, string reason) =>
        new()
        {
            Type = type,
            Status = status,
            Reason = status == "True" ? type : reason,
            Message = "told by the test",
            LastTransitionTime = DateTimeOffset.UnixEpoch,
        };
}
