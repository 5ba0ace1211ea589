using System.Net;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Conditions;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Kubernetes.Events;
using Serving.Networking.Gateway;
using Serving.Tests.Support;
using static Serving.Tests.Networking.Gateway.Cluster;

namespace Serving.Tests.Networking.Gateway;

[CancelAfter(30_000)]
public sealed class GatewayStatusTests
{
    private CancellationTokenSource _stop = null!;
    private RunningGateway _gateway = null!;
    private Task _running = Task.CompletedTask;

    [SetUp]
    public async Task SetUp()
    {
        _stop = new CancellationTokenSource();
        _gateway = await RunningGateway.StartAsync();
    }

    [TearDown]
    public async Task TearDown()
    {
        await _stop.CancelAsync();
        await _running;
        await _gateway.DisposeAsync();
        _stop.Dispose();
    }

    [Test]
    public async Task An_Ingress_is_ready_when_it_is_routed_to_backends_with_endpoints()
    {
        Run(_gateway.Module);
        _gateway.Cluster.PutService("a");
        _gateway.Cluster.PutIngress("one", Rule("a.b", To("a")));

        await Eventually.HoldsAsync(() =>
            Condition("one", "Ready")
                .Should()
                .Match<Condition>(ready =>
                    ready.Status == "Unknown" && ready.Reason == "Uninitialized" && ready.Message == "Waiting for load balancer to be ready"
                )
        );
        Condition("one", "NetworkConfigured")!.Status.Should().Be("True");
        _gateway.Cluster.PutEndpoints("a", new IPEndPoint(IPAddress.Loopback, 1));

        await Eventually.HoldsAsync(() => Condition("one", "Ready")!.Status.Should().Be("True"));
        var status = _gateway.Cluster.Find(Resources.Ingresses, "default", "one")!.Status;
        status.ObservedGeneration.Should().Be(1);
        status.PublicLoadBalancer!.Ingress.Single().DomainInternal.Should().Be("gateway.knative-serving.svc.cluster.local");
        status.PrivateLoadBalancer!.Ingress.Single().DomainInternal.Should().Be("gateway-internal.knative-serving.svc.cluster.local");
    }

    [Test]
    public async Task An_Ingress_that_wants_the_host_of_another_is_refused_until_the_other_is_gone()
    {
        Run(_gateway.Module);
        _gateway.Cluster.PutService("a");
        _gateway.Cluster.PutEndpoints("a", new IPEndPoint(IPAddress.Loopback, 1));
        _gateway.Cluster.PutIngress("first", Rule("a.b", To("a")));
        _gateway.Cluster.PutIngress("second", Rule("a.b", To("a")));

        await Eventually.HoldsAsync(() =>
            Condition("second", "LoadBalancerReady")
                .Should()
                .Match<Condition>(ready => ready.Status == "False" && ready.Reason == "DomainConflict")
        );
        await _gateway.Cluster.DeleteAsync(Resources.Ingresses, "default", "first", default);

        await Eventually.HoldsAsync(() => Condition("second", "Ready")!.Status.Should().Be("True"));
    }

    [Test]
    public async Task A_gateway_of_another_process_is_asked_by_probes()
    {
        _gateway.Cluster.Put(
            Resources.Endpoints,
            new Endpoints
            {
                Metadata = new ObjectMeta { Namespace = "knative-serving", Name = "gateway-internal" },
                Subsets =
                [
                    new EndpointSubset
                    {
                        Addresses = [new EndpointAddress { Ip = "127.0.0.1" }],
                        Ports = [new EndpointPort { Name = "http", Port = _gateway.ClusterLocal.Port }],
                    },
                ],
            }
        );
        Run(local: null);
        _gateway.Cluster.PutService("a");
        _gateway.Cluster.PutEndpoints("a", new IPEndPoint(IPAddress.Loopback, 1));

        _gateway.Cluster.PutIngress(
            "one",
            Rule(
                "a.b",
                To("a") with
                {
                    Path = "/v1",
                    Headers = new Dictionary<string, HeaderMatch> { ["X"] = new() { Exact = "1" } },
                }
            )
        );

        await Eventually.HoldsAsync(() => Condition("one", "Ready")!.Status.Should().Be("True"));
    }

    [Test]
    public async Task Without_any_gateway_nothing_is_ready()
    {
        Run(local: null);
        _gateway.Cluster.PutIngress("one", Rule("a.b", To("a")));

        await Eventually.HoldsAsync(() => Condition("one", "LoadBalancerReady")!.Reason.Should().Be("Uninitialized"));
    }

    private void Run(GatewayModule? local) =>
        _running = new GatewayStatusModule(
            RunningGateway.Options,
            Cluster.Environment,
            _gateway.Cluster,
            NullLoggerFactory.Instance,
            Substitute.For<IEventRecorder>(),
            TimeProvider.System,
            local
        ).RunAsync(_gateway.Cluster, _stop.Token);

    private Condition? Condition(string name, string type) =>
        ConditionSet.Get(_gateway.Cluster.Find(Resources.Ingresses, "default", name)!.Status.Conditions, type);
}
