using System.Net;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.GatewayApi;
using Serving.Api.Networking;
using Serving.ConfigMaps;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Networking.GatewayApi;
using Serving.Networking.Layers;
using Serving.Tests.Networking.Layers;
using Serving.Tests.Support;

namespace Serving.Tests.Networking.GatewayApi;

/// <summary>The module in a process: it costs nothing until an Ingress has its class, and follows the configuration.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class GatewayApiModuleTests
{
    private readonly InMemoryCluster _cluster = new();
    private readonly IResourceDiscovery _discovery = Substitute.For<IResourceDiscovery>();
    private readonly RecordingInformers _informers;
    private readonly ConfigStore _config;
    private readonly RecordingLogs _logs = new();
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;

    public GatewayApiModuleTests()
    {
        _informers = new RecordingInformers(_cluster);
        var environment = new ClusterEnvironment("knative-serving", "cluster.local", "serving-0", IPAddress.Loopback);
        _config = new ConfigStore(_informers, environment, NullLogger<ConfigStore>.Instance, Substitute.For<IEventRecorder>());
        foreach (var type in GatewayApiResources.All)
        {
            _discovery.FindAsync(type.ApiVersion, type.Kind, Arg.Any<CancellationToken>()).Returns(type);
        }

        Module = new GatewayApiModule(
            new LayerContext(
                _informers,
                _discovery,
                _config,
                environment,
                new RecordingProbe(),
                Substitute.For<IEventRecorder>(),
                _logs,
                TimeProvider.System
            )
        );
    }

    private GatewayApiModule Module { get; }

    [TearDown]
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _config.Dispose();
        _logs.Dispose();
        _stop.Dispose();
    }

    [Test]
    public async Task An_unused_layer_asks_for_nothing()
    {
        Put("other.example.com");

        _running = Module.RunAsync(_cluster, _stop.Token);
        await Eventually.HoldsAsync(() => _informers.Requested.Should().Contain("configmaps").And.Contain("ingresses"));

        _informers.Requested.Should().BeEquivalentTo("configmaps", "ingresses");
        _discovery.ReceivedCalls().Should().BeEmpty();
        _cluster.Writes.Should().BeEmpty();
    }

    [Test]
    public async Task An_Ingress_of_the_class_wakes_it_and_a_changed_ConfigMap_moves_the_routes()
    {
        _running = Module.RunAsync(_cluster, _stop.Token);
        Put(GatewayApiModule.Layer.IngressClass);

        await Eventually.HoldsAsync(() => Parent().Should().Be("istio-system/knative-gateway"));
        _informers.Requested.Should().Contain(["httproutes", "gateways", "referencegrants", "endpoints"]);

        _cluster.Put(
            Resources.ConfigMaps,
            new ConfigMap
            {
                Metadata = new ObjectMeta { Namespace = "knative-serving", Name = "config-gateway" },
                Data = new Dictionary<string, string> { ["external-gateways"] = "[{class: edge, gateway: edge/public}]" },
            }
        );
        await Eventually.HoldsAsync(() => Parent().Should().Be("edge/public"));
    }

    [Test]
    public async Task It_stands_by_while_Knatives_own_controller_is_active()
    {
        _cluster.Put(
            Resources.Leases,
            new Lease
            {
                Metadata = new ObjectMeta
                {
                    Namespace = "knative-serving",
                    Name = "net-gateway-api-controller.knative.dev.net-gateway-api.pkg.reconciler.ingress.reconciler.00-of-01",
                },
                Spec = new LeaseSpec { HolderIdentity = "net-gateway-api-controller-7d9f_1", LeaseDurationSeconds = 60 },
            }
        );
        Put(GatewayApiModule.Layer.IngressClass);

        _running = Module.RunAsync(_cluster, _stop.Token);

        await Eventually.HoldsAsync(() => _logs.Text.Should().Contain("standing by"));
        _informers.Requested.Should().BeEquivalentTo("configmaps", "ingresses");
        _cluster.Writes.Should().BeEmpty();
    }

    [Test]
    public void Only_what_is_read_of_a_Gateway_concerns_its_Ingresses()
    {
        var gateway = new KubernetesGateway
        {
            Spec = new GatewaySpec { GatewayClassName = "any", Listeners = [GatewayApiWorld.PlainListener] },
        };
        var relabelled = gateway with
        {
            Metadata = new ObjectMeta { Labels = new Dictionary<string, string> { ["a"] = "b" } },
            Status = new GatewayStatus(),
        };
        var moved = gateway with { Status = new GatewayStatus { Addresses = [new GatewayAddress { Value = "192.0.2.1" }] } };
        var closed = gateway with { Spec = gateway.Spec with { Listeners = [] } };

        bool Concerns(KubernetesGateway? old, KubernetesGateway? current) =>
            GatewayApiModule.Concerns(new Change<KubernetesGateway>(old, current));

        Concerns(gateway, relabelled).Should().BeFalse("its status changes with every HTTPRoute");
        Concerns(gateway, moved).Should().BeTrue();
        Concerns(gateway, closed).Should().BeTrue();
        Concerns(null, gateway).Should().BeTrue();
        Concerns(gateway, null).Should().BeTrue();
    }

    private string Parent()
    {
        var parent = _cluster.All(GatewayApiResources.HttpRoutes).Single().Spec.ParentRefs.Single();
        return $"{parent.Namespace}/{parent.Name}";
    }

    private void Put(string className) =>
        _cluster.Put(
            Resources.Ingresses,
            new Ingress
            {
                ApiVersion = Resources.Ingresses.ApiVersion,
                Kind = Resources.Ingresses.Kind,
                Metadata = new ObjectMeta
                {
                    Namespace = "default",
                    Name = "hello",
                    Annotations = new Dictionary<string, string> { ["networking.knative.dev/ingress.class"] = className },
                },
                Spec = new IngressSpec
                {
                    Rules = [GatewayApiWorld.Rule(IngressVisibility.External, ["a.example.com"], GatewayApiWorld.To(("one", 100)))],
                },
            }
        );
}
