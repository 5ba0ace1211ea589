using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Conditions;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Controller.ServerlessServices;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Reconcilers;
using Serving.Tests.Support;

namespace Serving.Tests.Controller.ServerlessServices;

public sealed class ServerlessServiceReconcilerTests
{
    private static readonly ObjectKey Key = new("default", "rev");

    private readonly ManualTimeProvider _time = new();
    private InMemoryCluster _cluster = null!;
    private ServerlessServiceReconciler _reconciler = null!;

    [SetUp]
    public void SetUp()
    {
        _cluster = new InMemoryCluster(_time);
        _reconciler = new ServerlessServiceReconciler(
            _cluster,
            new ClusterEnvironment("knative-serving", "cluster.local", "serving-0", IPAddress.Loopback),
            NSubstitute.Substitute.For<IEventRecorder>(),
            _time
        );
        _cluster.Put(
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
        PutEndpoints("knative-serving", "activator-service", "10.9.0.1", "10.9.0.2", "10.9.0.3");
        PutObject("Serve");
    }

    [Test]
    public async Task Makes_both_Services()
    {
        await ReconcileAsync();

        var hidden = _cluster.Find(Resources.Services, "default", "rev-private")!;
        hidden.Spec!.Selector.Should().Equal(new Dictionary<string, string> { ["serving.knative.dev/revisionUID"] = "u" });
        hidden
            .Spec.Ports.Select(port => $"{port.Name} {port.Port} {port.TargetPort} {port.Protocol}")
            .Should()
            .Equal(
                "http 80 8012 TCP",
                "https 443 8112 TCP",
                "http-autometric 9090 http-autometric TCP",
                "http-usermetric 9091 http-usermetric TCP",
                "http-istio 8012 8012 TCP"
            );
        hidden
            .Metadata.Labels.Should()
            .Contain("networking.internal.knative.dev/serviceType", "Private")
            .And.Contain("networking.internal.knative.dev/serverlessservice", "rev")
            .And.Contain("own", "label");
        var shown = _cluster.Find(Resources.Services, "default", "rev")!;
        shown.Spec!.Selector.Should().BeEmpty();
        shown.Spec.Ports.Select(port => $"{port.Name} {port.Port} {port.TargetPort}").Should().Equal("http 80 8012", "https 443 8112");
        shown
            .Metadata.OwnerReferences.Single()
            .Should()
            .Match<OwnerReference>(owner => owner.Kind == "ServerlessService" && owner.Name == "rev" && owner.Controller == true);
    }

    [Test]
    public async Task H2c_has_its_own_port_names_and_numbers()
    {
        PutObject("Serve", protocol: "h2c");

        await ReconcileAsync();

        var port = _cluster.Find(Resources.Services, "default", "rev")!.Spec!.Ports[0];
        (port.Name, port.Port, port.TargetPort!.Value.Int, port.AppProtocol).Should().Be(("http2", 81, 8013, "kubernetes.io/h2c"));
        _cluster.Find(Resources.Services, "default", "rev-private")!.Spec!.Ports[0].Port.Should().Be(80);
    }

    [Test]
    public async Task Without_ready_pods_activators_answer_and_it_is_not_ready()
    {
        await ReconcileAsync();

        Addresses().Should().Equal("10.9.0.1", "10.9.0.2", "10.9.0.3");
        Condition("EndpointsPopulated")
            .Should()
            .Match<Condition>(condition => condition.Status == "Unknown" && condition.Reason == "NoHealthyBackends");
        Condition("ActivatorEndpointsPopulated")
            .Should()
            .Match<Condition>(condition =>
                condition.Status == "True" && condition.Severity == "Info" && condition.Message == "Revision is backed by Activator"
            );
        Status()
            .Should()
            .Match<ServerlessServiceStatus>(status =>
                status.ServiceName == "rev" && status.PrivateServiceName == "rev-private" && status.ObservedGeneration == 1
            );
    }

    [Test]
    public async Task In_mode_Serve_ready_pods_answer()
    {
        PutEndpoints("default", "rev-private", "10.0.0.1");

        await ReconcileAsync();

        Addresses().Should().Equal("10.0.0.1");
        var ports = _cluster.Find(Resources.Endpoints, "default", "rev")!.Subsets.Single().Ports;
        ports.Select(port => port.Port).Should().Equal([8012, 8112], "other ports do not take requests");
        Condition("Ready")!.Status.Should().Be("True");
        Condition("ActivatorEndpointsPopulated")!.Status.Should().Be("False");
    }

    [Test]
    public async Task In_mode_Proxy_a_subset_of_activators_answers_and_it_is_ready_when_pods_are()
    {
        PutEndpoints("default", "rev-private", "10.0.0.1");
        PutObject("Proxy", activators: 2);

        await ReconcileAsync();

        Addresses().Should().HaveCount(2).And.OnlyContain(address => address.StartsWith("10.9.0."));
        Condition("Ready")!.Status.Should().Be("True");
        Condition("ActivatorEndpointsPopulated")!.Status.Should().Be("True");
    }

    [Test]
    public async Task Without_activators_pods_answer_even_in_mode_Proxy()
    {
        PutEndpoints("knative-serving", "activator-service");
        PutEndpoints("default", "rev-private", "10.0.0.1");
        PutObject("Proxy");

        await ReconcileAsync();

        Addresses().Should().Equal("10.0.0.1");
    }

    [Test]
    public async Task Changes_modes_in_place_and_writes_nothing_when_nothing_changes()
    {
        PutEndpoints("default", "rev-private", "10.0.0.1");
        await ReconcileAsync();
        _cluster.ForgetWrites();

        await ReconcileAsync();
        _cluster.Writes.Should().BeEmpty();

        _time.Advance(TimeSpan.FromSeconds(30));
        PutObject("Proxy", generation: 2);
        await ReconcileAsync();
        Addresses().Should().HaveCount(3);
        _time.Advance(TimeSpan.FromSeconds(7));
        ServerlessServiceLifecycle.ProxyFor(Status(), _time.GetUtcNow()).Should().Be(TimeSpan.FromSeconds(7));
        _cluster
            .Writes.Select(write => $"{write.Verb} {write.Plural}")
            .Should()
            .Equal("update endpoints", "update-status serverlessservices");
    }

    [Test]
    public async Task A_Service_of_someone_else_is_left_alone()
    {
        _cluster.Put(
            Resources.Services,
            new CoreService
            {
                Metadata = new ObjectMeta { Namespace = "default", Name = "rev" },
                Spec = new CoreServiceSpec(),
            }
        );

        var reconcile = ReconcileAsync;

        (await reconcile.Should().ThrowAsync<NotOwnedException>()).WithMessage("SKS: rev does not own Service: rev. Nothing controls it*");
        Condition("Ready")
            .Should()
            .Match<Condition>(condition =>
                condition.Status == "False"
                && condition.Reason == "NotOwned"
                && condition.Message.StartsWith("Resource rev of type Service is not owned by SKS. Nothing controls it")
            );
    }

    [TestCase("update services rev-private")]
    [TestCase("update services rev")]
    [TestCase("update endpoints rev")]
    public async Task A_write_that_the_server_refuses_as_out_of_date_leaves_a_serving_revision_ready(string write)
    {
        await ServeAndChangeAsync(write.Split(' ')[^1]);
        FailNext(write, 409, "Conflict");

        var reconcile = ReconcileAsync;

        await reconcile.Should().ThrowAsync<KubernetesException>();
        Condition("Ready")!.Status.Should().Be("True");
        _cluster.Writes.Should().NotContain(done => done.Verb == "update-status");
        await ReconcileAsync();
        Condition("Ready")!.Status.Should().Be("True");
    }

    [TestCase("update services rev-private", "UpdatingPrivateService")]
    [TestCase("update services rev", null)]
    public async Task Only_the_private_Service_takes_readiness_when_its_update_fails(string write, string? reason)
    {
        await ServeAndChangeAsync(write.Split(' ')[^1]);
        FailNext(write, 500, "InternalError");

        var reconcile = ReconcileAsync;

        await reconcile.Should().ThrowAsync<KubernetesException>();
        var condition = Condition("EndpointsPopulated")!;
        (condition.Status, condition.Reason).Should().Be(reason is null ? ("True", "") : ("Unknown", reason));
    }

    [Test]
    public async Task A_Service_that_is_put_right_again_leaves_readiness_as_old_as_it_was()
    {
        await ServeAndChangeAsync("rev-private");
        var since = Condition("Ready")!.LastTransitionTime;
        _time.Advance(TimeSpan.FromSeconds(30));

        await ReconcileAsync();

        _cluster.Find(Resources.Services, "default", "rev-private")!.Spec!.Ports.Should().NotBeEmpty();
        Condition("Ready")!.Status.Should().Be("True");
        Condition("Ready")!.LastTransitionTime.Should().Be(since);
    }

    [TestCase("create services rev-private", "CreatingPrivateService")]
    [TestCase("create services rev", "CreatingPublicService")]
    [TestCase("create endpoints rev", "CreatingPublicEndpoints")]
    public async Task What_could_not_be_created_is_said(string write, string reason)
    {
        FailNext(write, 500, "InternalError");

        var reconcile = ReconcileAsync;

        await reconcile.Should().ThrowAsync<KubernetesException>();
        Condition("EndpointsPopulated").Should().Match<Condition>(condition => condition.Status == "Unknown" && condition.Reason == reason);
    }

    [Test]
    public async Task Reacts_when_pods_and_activators_come()
    {
        using var stop = new CancellationTokenSource();
        var running = _reconciler
            .Watching(new ReconcileLoop(_reconciler, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance))
            .RunAsync(_cluster, stop.Token);
        await Eventually.HoldsAsync(() => Addresses().Should().HaveCount(3));

        PutEndpoints("knative-serving", "activator-service", "10.9.0.4");
        await Eventually.HoldsAsync(() => Addresses().Should().Equal("10.9.0.4"));
        PutEndpoints("default", "rev-private", "10.0.0.1");
        await Eventually.HoldsAsync(() => Addresses().Should().Equal("10.0.0.1"));

        await stop.CancelAsync();
        await running;
    }

    /// <summary>A revision that serves, after which somebody changed one of its Services and a pod came.</summary>
    [TestCase("update services rev-private")]
    [TestCase("update services rev")]
    public async Task A_Service_that_is_refused_does_not_keep_the_endpoints_from_following_the_pods(string write)
    {
        PutEndpoints("default", "rev-private", "10.0.0.1");
        await ReconcileAsync();
        var changed = write.Split(' ')[2];
        var service = _cluster.Find(Resources.Services, "default", changed)!;
        _cluster.Put(Resources.Services, service with { Spec = service.Spec! with { Ports = [] } });
        PutEndpoints("default", "rev-private", "10.0.0.2");
        FailNext(write, 422, "Invalid");

        await FluentActions.Awaiting(ReconcileAsync).Should().ThrowAsync<KubernetesException>();

        Addresses().Should().Equal("10.0.0.2");
    }

    [Test]
    public async Task Endpoints_of_a_Service_that_is_somebody_elses_are_left_alone()
    {
        _cluster.Put(
            Resources.Services,
            new CoreService
            {
                ApiVersion = "v1",
                Kind = "Service",
                Metadata = new ObjectMeta { Namespace = "default", Name = "rev" },
            }
        );
        PutEndpoints("default", "rev-private", "10.0.0.1");
        await FluentActions.Awaiting(ReconcileAsync).Should().ThrowAsync<NotOwnedException>();
        _cluster.Find(Resources.Endpoints, "default", "rev").Should().BeNull();
    }

    private async Task ServeAndChangeAsync(string changed)
    {
        PutEndpoints("default", "rev-private", "10.0.0.1");
        await ReconcileAsync();
        Condition("Ready")!.Status.Should().Be("True");
        PutEndpoints("default", "rev-private", "10.0.0.1", "10.0.0.2");
        var service = _cluster.Find(Resources.Services, "default", changed)!;
        _cluster.Put(Resources.Services, service with { Spec = service.Spec! with { Ports = [] } });
        _cluster.ForgetWrites();
    }

    private void FailNext(string write, int code, string reason) =>
        _cluster.FailNext(
            request => $"{request.Verb} {request.Plural} {request.Key.Name}" == write,
            new KubernetesException(
                write,
                new Status
                {
                    State = "Failure",
                    Code = code,
                    Reason = reason,
                }
            )
        );

    private async Task ReconcileAsync() => (await _reconciler.ReconcileAsync(Key, _cluster, default)).Should().Be(Reconcile.Done);

    private ServerlessServiceStatus Status() => _cluster.Find(Resources.ServerlessServices, "default", "rev")!.Status;

    private Condition? Condition(string type) => ConditionSet.Get(Status().Conditions, type);

    private IEnumerable<string> Addresses() =>
        _cluster.Find(Resources.Endpoints, "default", "rev")!.Subsets.SelectMany(subset => subset.Addresses).Select(address => address.Ip);

    private void PutObject(string mode, string protocol = "http1", int activators = 0, long generation = 1) =>
        _cluster.Put(
            Resources.ServerlessServices,
            new Serving.Api.Networking.ServerlessService
            {
                Metadata = new ObjectMeta
                {
                    Namespace = "default",
                    Name = "rev",
                    Uid = "sks",
                    Generation = generation,
                    Labels = new Dictionary<string, string> { ["own"] = "label" },
                },
                Spec = new ServerlessServiceSpec
                {
                    Mode = mode,
                    ProtocolType = protocol,
                    NumActivators = activators,
                    ObjectRef = new ObjectReference
                    {
                        ApiVersion = "apps/v1",
                        Kind = "Deployment",
                        Name = "rev-deployment",
                    },
                },
                Status = _cluster.Find(Resources.ServerlessServices, "default", "rev")?.Status ?? new(),
            }
        );

    private void PutEndpoints(string ns, string name, params string[] addresses) =>
        _cluster.Put(
            Resources.Endpoints,
            new Endpoints
            {
                Metadata = new ObjectMeta
                {
                    Namespace = ns,
                    Name = name,
                    Labels = new Dictionary<string, string>
                    {
                        ["networking.internal.knative.dev/serverlessservice"] = "rev",
                        ["networking.internal.knative.dev/serviceType"] = "Private",
                    },
                },
                Subsets =
                    addresses.Length == 0
                        ? []
                        :
                        [
                            new EndpointSubset
                            {
                                Addresses = [.. addresses.Select(address => new EndpointAddress { Ip = address })],
                                Ports =
                                [
                                    new EndpointPort { Name = "http", Port = 8012 },
                                    new EndpointPort { Name = "https", Port = 8112 },
                                    new EndpointPort { Name = "http2", Port = 8013 },
                                    new EndpointPort { Name = "http-autometric", Port = 9090 },
                                ],
                            },
                        ],
            }
        );
}
