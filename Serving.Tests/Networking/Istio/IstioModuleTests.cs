using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Conditions;
using Serving.Api.Core;
using Serving.Api.Istio;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;
using Serving.Networking.Istio;
using Serving.Networking.Layers;
using Serving.Tests.ConfigMaps;
using Serving.Tests.Networking.Layers;
using Serving.Tests.Support;

namespace Serving.Tests.Networking.Istio;

/// <summary>When the module works, and that it costs nothing before.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class IstioModuleTests : IDisposable
{
    private const string OtherClass = "gateway.ingress.networking.knative.dev";
    private static readonly string[] Known = ["ingresses"];

    private readonly InMemoryCluster _cluster = new();
    private readonly ManualTimeProvider _time = new();
    private readonly IResourceDiscovery _discovery = Substitute.For<IResourceDiscovery>();
    private readonly RecordingInformers _informers;
    private readonly LiveConfig _config;
    private readonly IstioModule _module;
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;

    public IstioModuleTests()
    {
        IstioWorld.PutIstio(_cluster);
        _informers = new RecordingInformers(_cluster);
        _config = new LiveConfig(_cluster);
        _config.Put("config-network", ("ingress-class", OtherClass));
        _module = new IstioModule(
            new LayerContext(
                _informers,
                _discovery,
                _config.Store,
                IstioWorld.Environment,
                new RecordingProbe(),
                _config.Events,
                NullLoggerFactory.Instance,
                _time
            )
        );
        Install();
    }

    public void Dispose()
    {
        _config.Dispose();
        _stop.Dispose();
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
    }

    [Test]
    public async Task A_cluster_that_does_not_use_it_pays_nothing()
    {
        Put("one", OtherClass);
        Start();

        await _time.PassAsync(TimeSpan.FromMinutes(5), static () => false, TimeSpan.FromMinutes(1));

        _informers.Requested.Should().Equal(Known);
        _discovery.ReceivedCalls().Should().BeEmpty();
        _time.ActiveTimers.Should().Be(0, "nothing is polled");
        _module.StuckReason.Should().BeNull();
    }

    [Test]
    public async Task It_starts_with_the_first_Ingress_of_its_class()
    {
        Start();
        Put("one", OtherClass);
        _informers.Requested.Should().Equal(Known);

        Put("two", NetworkingKeys.IstioIngressClass);

        await UntilAsync(() => IngressLifecycle.IsReady(Find("two")));
        _informers.Requested.Should().Contain(["virtualservices", "gateways", "destinationrules", "secrets"]);
        _cluster.All(IstioResources.VirtualServices).Select(static one => one.Metadata.Name).Should().Equal("two-ingress");
    }

    [Test]
    public async Task It_starts_when_the_configuration_names_its_class()
    {
        Start();

        _config.Put("config-network", ("ingress-class", NetworkingKeys.IstioIngressClass));

        await Eventually.HoldsAsync(() => _informers.Requested.Should().Contain("virtualservices"));
    }

    [Test]
    public async Task Without_Istio_each_Ingress_says_so_until_it_is_installed()
    {
        _discovery
            .FindAsync(IstioResources.VirtualServices.ApiVersion, Arg.Any<string>(), Arg.Any<CancellationToken>())
            .Returns((ResourceType?)null);
        Put("one", NetworkingKeys.IstioIngressClass);
        Put("two", OtherClass);
        Start();

        await UntilAsync(() => Configured("one") is { Status: "False" });
        const string Problem =
            "the cluster has no VirtualService (networking.istio.io/v1), Gateway (networking.istio.io/v1), "
            + "DestinationRule (networking.istio.io/v1): install Istio, or choose another ingress class than istio.ingress.networking.knative.dev";
        Configured("one")!.Message.Should().Be(Problem);
        _config.Events.Received(1).Warning(Arg.Is<Ingress>(about => about.Metadata.Name == "one"), "NetworkLayerUnavailable", Problem);
        Configured("two").Should().BeNull("it is not ours");
        _informers.Requested.Should().Equal(Known);

        Install();
        await UntilAsync(() => IngressLifecycle.IsReady(Find("one")));
        _config.Events.ReceivedWithAnyArgs(1).Warning(null!, "", "");
    }

    [Test]
    public async Task Where_Istio_was_removed_an_Ingress_that_is_ready_stays_so_and_one_that_is_deleted_is_released()
    {
        Put("one", NetworkingKeys.IstioIngressClass);
        Put("two", NetworkingKeys.IstioIngressClass);
        Start();
        await UntilAsync(() => IngressLifecycle.IsReady(Find("one")) && IngressLifecycle.IsReady(Find("two")));
        await _stop.CancelAsync();
        await _running;
        _discovery
            .FindAsync(IstioResources.VirtualServices.ApiVersion, Arg.Any<string>(), Arg.Any<CancellationToken>())
            .Returns((ResourceType?)null);
        Put("three", NetworkingKeys.IstioIngressClass);
        await _cluster.DeleteAsync(Resources.Ingresses, "default", "two", default);
        using var again = new CancellationTokenSource();

        var running = _module.RunAsync(_cluster, again.Token);

        await UntilAsync(() => Configured("three") is { Status: "False" });
        await UntilAsync(() => _cluster.Find(Resources.Ingresses, "default", "two") is null);
        IngressLifecycle.IsReady(Find("one")).Should().BeTrue("the data plane may still route it");
        await again.CancelAsync();
        await running;
    }

    [Test]
    public async Task A_backend_that_speaks_HTTP_2_is_upgraded_once_it_is_there()
    {
        _config.Put("config-network", ("ingress-class", OtherClass), ("system-internal-tls", "Enabled"));
        _cluster.Put(
            Resources.Secrets,
            new Secret
            {
                Metadata = new ObjectMeta { Namespace = "knative-serving", Name = "routing-serving-certs" },
                Data = new Dictionary<string, byte[]> { ["ca.crt"] = [1], ["tls.key"] = [2] },
            }
        );
        Put("one", NetworkingKeys.IstioIngressClass);
        Start();
        await UntilAsync(() => IngressLifecycle.IsReady(Find("one")));
        Policy().ConnectionPool.Should().BeNull();
        _cluster.Find(Resources.Secrets, "istio-system", "routing-serving-certs")!.Data!.Keys.Should().Equal("ca.crt");

        _cluster.Put(
            Resources.Services,
            new CoreService
            {
                Metadata = new ObjectMeta { Namespace = "default", Name = "hello-00001" },
                Spec = new CoreServiceSpec { Ports = [new ServicePort { Name = "http2", Port = 80 }] },
            }
        );

        await Eventually.HoldsAsync(() => Policy().ConnectionPool!.Http!.H2UpgradePolicy.Should().Be("UPGRADE"));

        IstioTrafficPolicy Policy() => _cluster.All(IstioResources.DestinationRules).Single().Spec.TrafficPolicy!;
    }

    [Test]
    public async Task It_stands_by_while_the_other_controller_of_the_class_is_active()
    {
        Put("one", NetworkingKeys.IstioIngressClass);
        Renew(1);
        Start();

        for (var renewal = 2; renewal < 20; renewal++)
        {
            await _time.PassAsync(TimeSpan.FromSeconds(10), static () => false, TimeSpan.FromSeconds(5));
            Renew(renewal);
        }

        _informers.Requested.Should().Equal(Known);
        _cluster.Writes.Should().BeEmpty("the other one writes the status as well");

        await UntilAsync(() => IngressLifecycle.IsReady(Find("one")));
    }

    [Test]
    public async Task It_gives_way_when_the_other_controller_is_installed()
    {
        Put("one", NetworkingKeys.IstioIngressClass);
        Start();
        await UntilAsync(() => IngressLifecycle.IsReady(Find("one")));

        Renew(1);
        await _time.PassAsync(TimeSpan.FromSeconds(15), static () => false, TimeSpan.FromSeconds(5));
        Put("two", NetworkingKeys.IstioIngressClass);
        await _time.PassAsync(TimeSpan.FromSeconds(5), static () => false);
        Configured("two").Should().BeNull();

        _cluster.Put(
            Resources.Leases,
            Lease(2) with
            {
                Spec = new LeaseSpec { HolderIdentity = "", LeaseDurationSeconds = 60 },
            }
        );
        await UntilAsync(() => IngressLifecycle.IsReady(Find("two")));
    }

    [Test]
    public async Task Without_the_permission_each_Ingress_names_the_component()
    {
        _cluster.FailNext(
            static request => request is { Verb: "list", Plural: "virtualservices" },
            new KubernetesException("list", new Status { Code = 403, Reason = "Forbidden" })
        );
        Put("one", NetworkingKeys.IstioIngressClass);
        Start();

        await UntilAsync(() => Configured("one") is { Status: "False" });

        Configured("one")!
            .Message.Should()
            .Be(
                "this process may not list VirtualService (networking.istio.io/v1): "
                    + "add the component istio to the installation (deploy/components/istio)"
            );
        _informers.Requested.Should().Equal(Known, "an informer without its first list would keep the process from being ready");
        await UntilAsync(() => IngressLifecycle.IsReady(Find("one")));
    }

    [Test]
    public async Task An_API_server_that_is_unreachable_is_asked_again()
    {
        _discovery
            .FindAsync(Arg.Any<string>(), "VirtualService", Arg.Any<CancellationToken>())
            .Returns(
                _ => throw new KubernetesException("get /apis", new Status { Code = 503, Reason = "ServiceUnavailable" }),
                _ => IstioResources.VirtualServices
            );
        Put("one", NetworkingKeys.IstioIngressClass);
        Start();

        await UntilAsync(() => IngressLifecycle.IsReady(Find("one")));
        _config.Events.DidNotReceiveWithAnyArgs().Warning(null!, "", "");
    }

    [Test]
    public async Task A_changed_configuration_takes_effect_at_once()
    {
        Put("one", NetworkingKeys.IstioIngressClass);
        Start();
        await UntilAsync(() => IngressLifecycle.IsReady(Find("one")));

        _config.Put("config-istio", ("external-gateways", "[]"), ("local-gateways", "[]"));

        await UntilAsync(() => Find("one").Status.PublicLoadBalancer?.Ingress is [{ MeshOnly: true }]);
    }

    [Test]
    public async Task Whatever_it_needs_wakes_an_Ingress()
    {
        await _cluster.DeleteAsync(IstioResources.Gateways, "knative-serving", "knative-ingress-gateway", default);
        Put("one", NetworkingKeys.IstioIngressClass);
        Start();
        await UntilAsync(() => Configured("one") is { Status: "True" });

        IstioWorld.PutIstio(_cluster);
        await UntilAsync(() => IngressLifecycle.IsReady(Find("one")));

        var made = _cluster.Find(IstioResources.VirtualServices, "default", "one-ingress")!;
        await _cluster.UpdateAsync(IstioResources.VirtualServices, made with { Spec = new IstioVirtualServiceSpec() }, default);
        await Eventually.HoldsAsync(() =>
            _cluster.Find(IstioResources.VirtualServices, "default", "one-ingress")!.Spec.Hosts.Should().Equal("one.example.com")
        );
    }

    [Test]
    public async Task Pods_are_addressable_through_the_mesh_when_that_is_enabled()
    {
        _cluster.Put(
            Resources.ServerlessServices,
            new ServerlessService
            {
                ApiVersion = Resources.ServerlessServices.ApiVersion,
                Kind = "ServerlessService",
                Metadata = new ObjectMeta { Namespace = "default", Name = "rev" },
                Status = new ServerlessServiceStatus { PrivateServiceName = "rev-private" },
            }
        );
        Put("one", NetworkingKeys.IstioIngressClass);
        Start();
        await UntilAsync(() => IngressLifecycle.IsReady(Find("one")));
        _cluster.All(IstioResources.DestinationRules).Should().BeEmpty();

        _config.Put("config-network", ("ingress-class", OtherClass), ("enable-mesh-pod-addressability", "true"));

        await Eventually.HoldsAsync(() =>
        {
            _cluster
                .Find(IstioResources.DestinationRules, "default", "rev-private")!
                .Spec.Subsets.Select(static subset => subset.Name)
                .Should()
                .Equal("normal", "direct");
            _cluster
                .Find(IstioResources.VirtualServices, "default", "rev-private")!
                .Spec.Http[0]
                .Match[0]
                .Headers.Should()
                .ContainKey("K-Passthrough-Lb");
        });
    }

    private static Lease Lease(int renewal) =>
        new()
        {
            ApiVersion = "coordination.k8s.io/v1",
            Kind = "Lease",
            Metadata = new ObjectMeta
            {
                Namespace = "knative-serving",
                Name = "net-istio-controller.knative.dev.net-istio.pkg.reconciler.ingress.reconciler.00-of-01",
            },
            Spec = new LeaseSpec
            {
                HolderIdentity = "net-istio-controller-7d9f_1",
                LeaseDurationSeconds = 60,
                RenewTime = DateTimeOffset.UnixEpoch.AddSeconds(renewal),
            },
        };

    private void Renew(int renewal) => _cluster.Put(Resources.Leases, Lease(renewal));

    private void Start() => _running = _module.RunAsync(_cluster, _stop.Token);

    private void Install()
    {
        foreach (var kind in (ResourceType[])[.. IstioResources.All, Resources.Secrets])
        {
            _discovery.FindAsync(kind.ApiVersion, kind.Kind, Arg.Any<CancellationToken>()).Returns(kind);
        }
    }

    private void Put(string name, string ingressClass) =>
        _cluster.Put(
            Resources.Ingresses,
            new Ingress
            {
                ApiVersion = Resources.Ingresses.ApiVersion,
                Kind = "Ingress",
                Metadata = new ObjectMeta
                {
                    Namespace = "default",
                    Name = name,
                    Annotations = IstioWorld.OfClass(ingressClass),
                },
                Spec = new IngressSpec { HttpOption = "Enabled", Rules = [IstioWorld.Rule($"{name}.example.com")] },
            }
        );

    private Ingress Find(string name) => _cluster.Find(Resources.Ingresses, "default", name)!;

    private Condition? Configured(string name) => ConditionSet.Get(Find(name).Status.Conditions, "NetworkConfigured");

    private async Task UntilAsync(Func<bool> holds)
    {
        await _time.PassAsync(TimeSpan.FromMinutes(5), holds, TimeSpan.FromSeconds(1));
        holds().Should().BeTrue();
    }
}
