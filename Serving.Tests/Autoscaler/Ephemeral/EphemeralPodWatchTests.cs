using System.Net;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Autoscaler;
using Serving.Autoscaler.Collection;
using Serving.Autoscaler.Ephemeral;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Tests.Support;

namespace Serving.Tests.Autoscaler.Ephemeral;

public sealed class EphemeralPodWatchTests
{
    private static readonly ObjectKey Key = new("ns", "rev");

    private readonly Dictionary<string, PodReport?> _reports = [];
    private readonly List<ObjectKey> _changed = [];
    private ManualTimeProvider _time = null!;
    private InMemoryCluster _cluster = null!;
    private IEventRecorder _events = null!;
    private EphemeralPodWatch _watch = null!;
    private int _asked;

    [SetUp]
    public void SetUp()
    {
        _reports.Clear();
        _changed.Clear();
        _asked = 0;
        _time = new ManualTimeProvider();
        _cluster = new InMemoryCluster(_time);
        _events = Substitute.For<IEventRecorder>();
        _watch = new EphemeralPodWatch(
            _cluster.For(Resources.Pods, labelSelector: RevisionPods.Selector).Lister,
            (_, pods, _, _) =>
            {
                _asked++;
                return Task.FromResult<PodReport?[]>([.. pods.Select(pod => _reports.GetValueOrDefault(pod.Metadata.Name))]);
            },
            _events,
            _time,
            NullLogger.Instance
        );
        _watch.Changed += _changed.Add;
        Note();
    }

    [TestCase(0, true, true, TestName = "A pod that has served its number is replaced")]
    [TestCase(1, true, false, TestName = "A pod stays until its last request has ended")]
    [TestCase(0, false, false, TestName = "A pod that takes more stays")]
    public async Task Replaces_what_is_spent(int inFlight, bool isSpent, bool isReplaced)
    {
        PutPod("a");
        _reports["a"] = new PodReport(inFlight, isSpent);
        await _watch.CheckAsync(_cluster, default);
        Names().Should().HaveCount(isReplaced ? 0 : 1);
    }

    [Test]
    public async Task Pods_that_take_no_more_and_still_serve_are_reported()
    {
        foreach (var name in new[] { "a", "b", "c" })
            PutPod(name);
        (_reports["a"], _reports["b"], _reports["c"]) = (new(1, true), new(2, true), new(3, false));
        await _watch.CheckAsync(_cluster, default);
        await _watch.CheckAsync(_cluster, default);
        _watch.Occupied(Key).Should().Be(2);
        _changed.Should().Equal(Key);

        (_reports["a"], _reports["b"]) = (new(0, true), new(0, true));
        await _watch.CheckAsync(_cluster, default);
        _watch.Occupied(Key).Should().Be(0);
        _changed.Should().HaveCount(2);
        Names().Should().Equal("c");
    }

    [Test]
    public async Task A_pod_whose_sidecar_restarted_is_replaced_because_its_count_is_lost()
    {
        PutPod("a", restarts: 1);
        PutPod("b");
        (_reports["a"], _reports["b"]) = (new(0, false), new(0, false));
        await _watch.CheckAsync(_cluster, default);
        Names().Should().Equal("b");
    }

    [Test]
    public async Task A_pod_that_cannot_be_asked_is_replaced_when_it_has_stopped_being_ready()
    {
        PutPod("starting", ready: false, unreadySince: TimeSpan.Zero);
        PutPod("serving");
        PutPod("spent", ready: false, unreadySince: TimeSpan.FromSeconds(30));
        await _watch.CheckAsync(_cluster, default);
        _time.Advance(TimeSpan.FromSeconds(39));
        await _watch.CheckAsync(_cluster, default);
        Names().Should().Equal("serving", "spent", "starting");
        _time.Advance(TimeSpan.FromSeconds(1));
        await _watch.CheckAsync(_cluster, default);
        Names().Should().Equal("serving", "starting");
    }

    [Test]
    public async Task Parked_pods_and_revisions_without_pods_are_not_asked()
    {
        await _watch.CheckAsync(_cluster, default);
        _asked.Should().Be(0);
        PutPod("a");
        Note(isIdle: true);
        await _watch.CheckAsync(_cluster, default);
        _asked.Should().Be(0);
        Note();
        await _watch.CheckAsync(_cluster, default);
        _asked.Should().Be(1);
        _watch.Forget(Key);
        await _watch.CheckAsync(_cluster, default);
        _asked.Should().Be(1);
    }

    [Test]
    public async Task A_rejected_deletion_is_reported_and_tried_again_after_a_while()
    {
        PutPod("a");
        _reports["a"] = new PodReport(0, true);
        FailNext(HttpStatusCode.Forbidden, "Forbidden");
        await _watch.CheckAsync(_cluster, default);
        _events.Received(1).Warning(Arg.Any<IKubernetesObject>(), "ReplaceRefused", "Pod a cannot be replaced: refused");
        await _watch.CheckAsync(_cluster, default);
        Names().Should().Equal("a");

        _time.Advance(EphemeralPodWatch.AfterFailure);
        await _watch.CheckAsync(_cluster, default);
        Names().Should().BeEmpty();
    }

    [TestCase(HttpStatusCode.NotFound, "NotFound")]
    [TestCase(HttpStatusCode.Conflict, "Conflict")]
    public async Task A_pod_that_is_gone_is_no_failure(HttpStatusCode code, string reason)
    {
        PutPod("a");
        _reports["a"] = new PodReport(0, true);
        FailNext(code, reason);
        await _watch.CheckAsync(_cluster, default);
        _events.DidNotReceiveWithAnyArgs().Warning(default!, default!, default!);
    }

    [Test]
    public async Task Pods_that_take_no_more_are_no_part_of_the_minimum_scale_but_of_the_maximum()
    {
        var world = new AutoscalerWorld();
        world.Settings(
            (ReserveKeys.MaxRequestsPerPod, "1"),
            ("autoscaling.knative.dev/min-scale", "2"),
            ("autoscaling.knative.dev/max-scale", "4")
        );
        world.Measured = (0, 0);
        await world.RunToReadyAsync();
        world.Replicas.Should().Be(2);
        foreach (var (occupied, replicas) in new[] { (1, 3), (2, 4), (3, 4), (0, 2) })
        {
            await world.OccupyAsync(occupied);
            await world.PassAsync();
            world.Replicas.Should().Be(replicas);
        }

        world.Cluster.Find(Resources.ServerlessServices, "ns", "rev")!.Spec.Mode.Should().Be("Proxy", "activators stay in the path");
    }

    private void Note(bool isIdle = false) =>
        _watch.Note(
            new PodAutoscaler
            {
                Metadata = new ObjectMeta { Namespace = "ns", Name = "rev" },
            },
            "rev",
            "rev-private",
            isIdle
        );

    private List<string> Names() => [.. _cluster.All(Resources.Pods, "ns").Select(pod => pod.Metadata.Name)];

    private void FailNext(HttpStatusCode code, string reason) =>
        _cluster.FailNext(
            request => request is { Verb: "delete", Plural: "pods" },
            new KubernetesException(
                "delete pods",
                new Status
                {
                    Code = (int)code,
                    Reason = reason,
                    Message = "refused",
                }
            )
        );

    private void PutPod(string name, bool ready = true, int restarts = 0, TimeSpan unreadySince = default) =>
        _cluster.Put(
            Resources.Pods,
            new Pod
            {
                ApiVersion = "v1",
                Kind = "Pod",
                Metadata = new ObjectMeta
                {
                    Namespace = "ns",
                    Name = name,
                    Labels = new Dictionary<string, string> { [ServingKeys.Revision] = "rev" },
                },
                Status = new PodStatus
                {
                    Phase = "Running",
                    PodIP = "10.0.0.1",
                    Conditions =
                    [
                        new Condition
                        {
                            Type = "Initialized",
                            Status = "True",
                            LastTransitionTime = _time.GetUtcNow(),
                        },
                        new Condition
                        {
                            Type = "Ready",
                            Status = ready ? "True" : "False",
                            LastTransitionTime = _time.GetUtcNow() + unreadySince,
                        },
                    ],
                    ContainerStatuses = [new ContainerStatus { Name = "queue-proxy", RestartCount = restarts }],
                },
            }
        );
}
