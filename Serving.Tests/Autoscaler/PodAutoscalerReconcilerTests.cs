using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Autoscaler;
using Serving.Autoscaler.Reconcilers;
using Serving.Autoscaler.Reserve;
using Serving.Autoscaler.Scaling;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Reconcilers;
using Serving.Tests.Support;

namespace Serving.Tests.Autoscaler;

public sealed class PodAutoscalerReconcilerTests
{
    private static readonly ObjectKey Key = new("ns", "rev");

    private ManualTimeProvider _time = null!;
    private InMemoryCluster _cluster = null!;
    private Deciders _deciders = null!;
    private PodAutoscalerReconciler _reconciler = null!;
    private (double Stable, double Panic)? _measured;
    private bool _activatorInPath;
    private int _probes;
    private ConfigSnapshot _config = null!;
    private IEventRecorder _events = null!;

    [SetUp]
    public void SetUp()
    {
        _time = new ManualTimeProvider();
        _cluster = new InMemoryCluster(_time);
        _measured = null;
        _activatorInPath = true;
        _probes = 0;
        _config = ConfigSnapshot.Default;
        _events = Substitute.For<IEventRecorder>();
        var informers = new AutoscalerInformers(_cluster);
        _deciders = new Deciders(
            new Measured(() => _measured),
            key => RevisionPods.Count(informers.Pods.Lister, key.Namespace, key.Name).Ready,
            _time,
            NullLogger.Instance
        );
        _reconciler = new PodAutoscalerReconciler(
            informers,
            () => _config,
            _deciders,
            new Probe(() =>
            {
                _probes++;
                return _activatorInPath;
            }),
            new PodCountBoard(),
            _events,
            _time,
            new Parking(_events, _ => Task.FromResult(true), _time),
            static (_, _) => { }
        );
        _cluster.Put(
            Resources.Deployments,
            new Deployment
            {
                ApiVersion = "apps/v1",
                Kind = "Deployment",
                Metadata = new ObjectMeta { Namespace = "ns", Name = "rev-deployment" },
                Spec = new DeploymentSpec { Replicas = 1 },
            }
        );
        PutAutoscaler();
    }

    [Test]
    public async Task Begins_with_a_ServerlessService_in_proxy_mode()
    {
        await Reconcile();
        var service = _cluster.Find(Resources.ServerlessServices, "ns", "rev")!;
        service.Spec.Mode.Should().Be("Proxy");
        service.Spec.NumActivators.Should().Be(3, "ceil(211 / 100): the first decision does not change it");
        service.Metadata.OwnerReferences.Should().ContainSingle(o => o.Kind == "PodAutoscaler" && o.Controller == true);
        Status.DesiredScale.Should().Be(-1);
        Condition("SKSReady").Should().Be(("Unknown", "NotReady", "No Private Service Name"));
        Condition("Active").Should().Be(("Unknown", "Queued", "Requests to the target are being buffered as resources are provisioned."));
    }

    [Test]
    public async Task Becomes_active_when_the_initial_scale_is_ready()
    {
        await MakeActive();
        Condition("Active").Status.Should().Be("True");
        Condition("ScaleTargetInitialized").Status.Should().Be("True");
        Condition("Ready").Status.Should().Be("True");
        Status.ServiceName.Should().Be("rev");
        Status.MetricsServiceName.Should().Be("rev-private");
        _cluster
            .Find(Resources.Metrics, "ns", "rev")!
            .Spec.Should()
            .Match<MetricSpec>(s => s.StableWindow == 60_000_000_000 && s.PanicWindow == 6_000_000_000 && s.ScrapeTarget == "rev-private");
    }

    [Test]
    public async Task Scales_out_with_what_is_measured_and_counts_activators()
    {
        await MakeActive();
        await Decide(700, 700);
        Replicas.Should().Be(10);
        Status.DesiredScale.Should().Be(10);
        _cluster.Find(Resources.ServerlessServices, "ns", "rev")!.Spec.NumActivators.Should().Be(4, "ceil((1 * 100 + 211) / 100)");
    }

    [Test]
    public async Task Scales_and_goes_on_though_the_Deployments_status_moved_meanwhile()
    {
        await MakeActive();
        _cluster.FailNext(IsScale, Conflict());
        await Decide(700, 700);
        Replicas.Should().Be(10);
        Status.DesiredScale.Should().Be(10);
        _cluster.Find(Resources.ServerlessServices, "ns", "rev")!.Spec.NumActivators.Should().Be(4);
    }

    [Test]
    public async Task Looks_again_when_the_Deployment_moves_all_the_time_but_writes_the_rest()
    {
        await MakeActive();
        _cluster.FailNext(IsScale, Conflict());
        _cluster.FailNext(IsScale, Conflict());
        _measured = (700, 700);
        _deciders.EvaluateAll();
        (await Reconcile()).Requeue.Should().Be(TimeSpan.FromMilliseconds(200));
        Status.DesiredScale.Should().Be(10);
        _cluster.Find(Resources.ServerlessServices, "ns", "rev")!.Spec.NumActivators.Should().Be(4);
        await Reconcile();
        Replicas.Should().Be(10);
    }

    [Test]
    public async Task Does_not_undo_replicas_that_were_set_while_it_decided()
    {
        await MakeActive();
        _cluster.FailNext(
            request =>
            {
                if (!IsScale(request))
                    return false;
                var deployment = _cluster.Find(Resources.Deployments, "ns", "rev-deployment")!;
                _cluster.Put(Resources.Deployments, deployment with { Spec = deployment.Spec! with { Replicas = 5 } });
                return true;
            },
            Conflict()
        );
        _measured = (700, 700);
        _deciders.EvaluateAll();
        (await Reconcile()).Requeue.Should().NotBeNull();
        Replicas.Should().Be(5);
    }

    [Test]
    public async Task Serves_from_pods_when_there_is_burst_capacity()
    {
        await MakeActive();
        for (var pod = 2; pod <= 4; pod++)
            PutPod(pod);
        await Decide(100, 100);
        _cluster.Find(Resources.ServerlessServices, "ns", "rev")!.Spec.Mode.Should().Be("Serve");
    }

    [Test]
    public async Task Goes_to_zero_in_two_steps()
    {
        await MakeActive();
        await Decide(0, 0);
        Replicas.Should().Be(1, "it was active for less than the stable window");
        _time.Advance(TimeSpan.FromSeconds(61));
        await Decide(0, 0);
        Condition("Active").Should().Be(("False", "NoTraffic", "The target is not receiving traffic."));
        Replicas.Should().Be(1, "activators must be in the path first");

        _activatorInPath = false;
        _time.Advance(TimeSpan.FromMinutes(5));
        (await Reconcile()).Requeue.Should().Be(TimeSpan.FromSeconds(1));
        Replicas.Should().Be(1);

        _activatorInPath = true;
        await Reconcile();
        Replicas.Should().Be(0);
        _probes.Should().Be(2);
        _cluster.ForgetWrites();
        await Reconcile();
        _cluster.Writes.Should().BeEmpty();
        _probes.Should().Be(2);
    }

    [Test]
    public async Task Waits_for_the_grace_period_since_activators_are_in_the_path()
    {
        await MakeInactive();
        PutService("Proxy", proxySince: _time.GetUtcNow());
        _time.Advance(TimeSpan.FromSeconds(10));
        (await Reconcile()).Requeue.Should().Be(TimeSpan.FromSeconds(20));
        Replicas.Should().Be(1);
        _time.Advance(TimeSpan.FromSeconds(20));
        await Reconcile();
        Replicas.Should().Be(0);
    }

    [Test]
    public async Task Keeps_the_last_pod_for_the_retention_period()
    {
        PutAutoscaler(("autoscaling.knative.dev/scale-to-zero-pod-retention-period", "2m"));
        await MakeInactive();
        _time.Advance(TimeSpan.FromSeconds(60));
        (await Reconcile()).Requeue.Should().Be(TimeSpan.FromSeconds(60));
        Replicas.Should().Be(1);
        _time.Advance(TimeSpan.FromSeconds(60));
        await Reconcile();
        Replicas.Should().Be(0);
    }

    [Test]
    public async Task Does_not_go_to_zero_where_that_is_off()
    {
        _config = _config with { Autoscaler = _config.Autoscaler with { EnableScaleToZero = false } };
        await MakeActive();
        _time.Advance(TimeSpan.FromMinutes(10));
        await Decide(0, 0);
        Replicas.Should().Be(1);
    }

    [Test]
    public async Task Wakes_from_zero()
    {
        await Goes_to_zero_in_two_steps();
        await _cluster.DeleteAsync(Resources.Pods, "ns", "rev-1", CancellationToken.None);
        await Reconcile();
        Status.ActualScale.Should().Be(0);
        await Decide(1, 1);
        Replicas.Should().Be(1);
        Condition("Active").Reason.Should().Be("Queued");
        PutPod(1);
        await Reconcile();
        Condition("Active").Status.Should().Be("True");
    }

    [Test]
    public async Task Keeps_within_min_and_max_scale()
    {
        PutAutoscaler(("autoscaling.knative.dev/minScale", "2"), ("autoscaling.knative.dev/max-scale", "3"));
        await MakeActive();
        await Decide(0, 0);
        Replicas.Should().Be(2);
        await Decide(10_000, 10_000);
        Replicas.Should().Be(3);
    }

    [Test]
    public async Task Gives_up_activation_after_the_progress_deadline()
    {
        PutAutoscaler(("serving.knative.dev/progress-deadline", "60s"));
        await Reconcile();
        PutService("Proxy");
        await Decide(0, 0);
        (await Reconcile()).Requeue.Should().Be(TimeSpan.FromSeconds(91));
        _time.Advance(TimeSpan.FromSeconds(91));
        await Decide(0, 0);
        Condition("Active").Should().Be(("False", "TimedOut", "The target could not be activated."));
        Replicas.Should().Be(0);
    }

    [Test]
    public async Task Leaves_other_classes_alone()
    {
        PutAutoscaler(("autoscaling.knative.dev/class", "keda.example.com"));
        _cluster.ForgetWrites();
        await Reconcile();
        _cluster.Writes.Should().BeEmpty();
    }

    [Test]
    public async Task Says_when_a_child_belongs_to_somebody_else()
    {
        _cluster.Put(
            Resources.ServerlessServices,
            new ServerlessService
            {
                ApiVersion = "networking.internal.knative.dev/v1alpha1",
                Kind = "ServerlessService",
                Metadata = new ObjectMeta { Namespace = "ns", Name = "rev" },
            }
        );
        await FluentActions.Awaiting(Reconcile).Should().ThrowAsync<NotOwnedException>();
        Condition("Active")
            .Should()
            .Be(
                (
                    "False",
                    "NotOwned",
                    "There is an existing ServerlessService \"rev\" that we do not own. Nothing controls it: delete it, or choose another name."
                )
            );
    }

    [TestCase("serverlessservices", "ServerlessService")]
    [TestCase("metrics", "Metric")]
    public async Task Says_when_a_child_is_refused_and_is_as_active_as_before(string plural, string kind)
    {
        if (plural == "metrics")
        {
            await Reconcile();
            PutService("Proxy");
            PutPod(1);
        }

        _cluster.FailNext(
            request => request.Verb == "create" && request.Plural == plural,
            new KubernetesException(
                "create",
                new Status
                {
                    State = "Failure",
                    Code = 403,
                    Reason = "Forbidden",
                    Message = "exceeded quota: few",
                }
            )
        );
        await FluentActions.Awaiting(Reconcile).Should().ThrowAsync<ChildRefusedException>();
        Condition("SKSReady").Should().Be(("False", "FailedCreate", $"Failed to create {kind} \"rev\": exceeded quota: few"));
        Condition("Active").Status.Should().NotBe("False");
        _events
            .Received()
            .Warning(
                Arg.Is<IKubernetesObject>(about => about.Metadata.Name == "rev"),
                "InternalError",
                Arg.Is<string>(message => message.Contains("exceeded quota: few"))
            );

        await Reconcile();
        Condition("SKSReady").Status.Should().NotBe("False");
    }

    [Test]
    public async Task Says_when_the_ServerlessService_cannot_have_what_it_needs()
    {
        await Reconcile();
        var service = _cluster.Find(Resources.ServerlessServices, "ns", "rev")!;
        _cluster.Put(
            Resources.ServerlessServices,
            service with
            {
                Status = service.Status with
                {
                    ObservedGeneration = service.Metadata.Generation,
                    Conditions =
                    [
                        new Condition
                        {
                            Type = "Ready",
                            Status = "False",
                            Reason = "NotOwned",
                            Message = "Resource rev of type Service is not owned by SKS",
                        },
                    ],
                },
            }
        );

        await Reconcile();

        Condition("SKSReady").Should().Be(("False", "NotOwned", "Resource rev of type Service is not owned by SKS"));
    }

    private PodAutoscalerStatus Status => _cluster.Find(Resources.PodAutoscalers, "ns", "rev")!.Status;

    private int? Replicas => _cluster.Find(Resources.Deployments, "ns", "rev-deployment")!.Spec!.Replicas;

    private (string Status, string Reason, string Message) Condition(string type) =>
        Status.Conditions.Where(c => c.Type == type).Select(c => (c.Status, c.Reason, c.Message)).Single();

    private static bool IsScale(InMemoryCluster.Request request) => request is { Verb: "patch", Plural: "deployments" };

    private static KubernetesException Conflict() =>
        new(
            "patch",
            new Status
            {
                State = "Failure",
                Code = 409,
                Reason = "Conflict",
                Message = "the object has been modified",
            }
        );

    private Task<Reconcile> Reconcile() => _reconciler.ReconcileAsync(Key, _cluster, CancellationToken.None);

    private async Task Decide(double stable, double panic)
    {
        _measured = (stable, panic);
        _deciders.EvaluateAll();
        await Reconcile();
    }

    private async Task MakeActive()
    {
        await Reconcile();
        PutService("Proxy");
        PutPod(1);
        await Reconcile();
        PutService("Proxy");
        await Reconcile();
    }

    private async Task MakeInactive()
    {
        await MakeActive();
        _time.Advance(TimeSpan.FromSeconds(61));
        await Decide(0, 0);
        Condition("Active").Status.Should().Be("False");
    }

    private void PutAutoscaler(params (string Key, string Value)[] annotations) =>
        _cluster.Put(
            Resources.PodAutoscalers,
            new PodAutoscaler
            {
                ApiVersion = Resources.PodAutoscalers.ApiVersion,
                Kind = "PodAutoscaler",
                Metadata = new ObjectMeta
                {
                    Namespace = "ns",
                    Name = "rev",
                    Annotations = annotations.ToDictionary(a => a.Key, a => a.Value),
                    Labels = new Dictionary<string, string> { ["serving.knative.dev/revision"] = "rev" },
                },
                Spec = new PodAutoscalerSpec
                {
                    ScaleTargetRef = new ObjectReference
                    {
                        ApiVersion = "apps/v1",
                        Kind = "Deployment",
                        Name = "rev-deployment",
                    },
                    ProtocolType = "http1",
                    Reachability = "Reachable",
                },
            }
        );

    /// <summary>Acts as the ServerlessService reconciler.</summary>
    private void PutService(string mode, DateTimeOffset? proxySince = null)
    {
        var service = _cluster.Find(Resources.ServerlessServices, "ns", "rev")!;
        var status = ServerlessServiceLifecycle.MarkEndpointsReady(
            ServerlessServiceLifecycle.Initialize(service.Status, _time.GetUtcNow()),
            _time.GetUtcNow()
        );
        if (proxySince is { } since)
            status = ServerlessServiceLifecycle.MarkActivatorEndpointsPopulated(status, since);
        _cluster.Put(
            Resources.ServerlessServices,
            service with
            {
                Spec = service.Spec with { Mode = mode },
                Status = status with
                {
                    ServiceName = "rev",
                    PrivateServiceName = "rev-private",
                    ObservedGeneration = service.Metadata.Generation,
                },
            }
        );
    }

    private void PutPod(int number) =>
        _cluster.Put(
            Resources.Pods,
            new Pod
            {
                ApiVersion = "v1",
                Kind = "Pod",
                Metadata = new ObjectMeta
                {
                    Namespace = "ns",
                    Name = $"rev-{number}",
                    Labels = new Dictionary<string, string> { ["serving.knative.dev/revision"] = "rev" },
                },
                Status = new PodStatus { Phase = "Running", Conditions = [new Condition { Type = "Ready", Status = "True" }] },
            }
        );

    private sealed class Measured(Func<(double Stable, double Panic)?> values) : IMetricSource
    {
        public (double Stable, double Panic)? Average(ObjectKey key, string metric, DateTimeOffset now) => values();
    }

    private sealed class Probe(Func<bool> answer) : IActivatorProbe
    {
        public Task<bool> IsInPathAsync(string ns, string service, CancellationToken cancellation) => Task.FromResult(answer());
    }
}
