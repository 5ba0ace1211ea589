using System.Net;
using FluentAssertions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Caching;
using Serving.Api.Conditions;
using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Controller.ImagePulls;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Reconcilers;
using Serving.Tests.Support;

namespace Serving.Tests.Controller.ImagePulls;

public sealed class ImagePullReconcilerTests
{
    private const string Reference = "registry.example.com/app@sha256:0123";

    private ManualTimeProvider _time = null!;
    private InMemoryCluster _cluster = null!;
    private IEventRecorder _events = null!;
    private ImagePullReconciler _reconciler = null!;
    private bool _isOn;

    [SetUp]
    public void SetUp()
    {
        _isOn = true;
        _time = new ManualTimeProvider();
        _cluster = new InMemoryCluster(_time);
        _events = Substitute.For<IEventRecorder>();
        Restart();
    }

    [Test]
    public async Task Pulls_on_each_node_that_may_run_the_revision_and_does_not_have_the_image()
    {
        PutRevision("hello", "nodeSelector: {disk: fast}, tolerations: [{key: gpu, operator: Exists}]");
        PutNode("plain", """{"disk":"fast"}""");
        PutNode("tolerated", """{"disk":"fast"}""", spec: """{"taints":[{"key":"gpu","value":"1","effect":"NoSchedule"}]}""");
        PutNode("tainted", """{"disk":"fast"}""", spec: """{"taints":[{"key":"other","effect":"NoExecute"}]}""");
        PutNode("preferred", """{"disk":"fast"}""", spec: """{"taints":[{"key":"other","effect":"PreferNoSchedule"}]}""");
        PutNode("slow", """{"disk":"slow"}""");
        PutNode("cordoned", """{"disk":"fast"}""", spec: """{"unschedulable":true}""");
        PutNode("dead", """{"disk":"fast"}""", ready: "Unknown");
        PutNode("has-it", """{"disk":"fast"}""", images: """[{"names":["mirror.example.com/other@sha256:0123"]}]""");
        PutImage("hello");

        (await PassAsync("hello")).Requeue.Should().NotBeNull();

        Pods().Select(pod => pod.Spec!.NodeName).Should().BeEquivalentTo("plain", "tolerated", "preferred");
        var pod = Pods()[0];
        pod.Spec!.Containers.Single().Image.Should().Be(Reference);
        pod.Spec.ImagePullSecrets.Select(secret => secret.Name).Should().Equal("registry");
        pod.Spec.ServiceAccountName.Should().Be("builder");
        pod.Spec.NodeSelector.Should().ContainKey("disk");
        pod.Metadata.OwnerReferences.Single().Kind.Should().Be("Image");
        pod.Metadata.Labels.Keys.Should().NotContain(ServingKeys.Revision, "the data path must not take it for a pod of the revision");
    }

    [Test]
    public async Task Deletes_each_pod_when_it_has_ended_and_records_the_end()
    {
        PutRevision("hello");
        PutNode("a");
        PutNode("b");
        PutImage("hello");
        await PassAsync("hello");
        End("a", """{"terminated":{"exitCode":128,"reason":"StartError"}}""");
        await PassAsync("hello");
        Pods().Should().ContainSingle().Which.Spec!.NodeName.Should().Be("b");
        End("b", """{"waiting":{"reason":"RunContainerError"}}""");

        (await PassAsync("hello")).Requeue.Should().BeNull();

        Pods().Should().BeEmpty();
        Ready("hello").Should().Be(("True", "Pulled", "Pulled on 2 of 2 nodes that needed it"));
        _cluster.ForgetWrites();
        Restart();
        await PassAsync("hello");
        _cluster.Writes.Should().BeEmpty("an image is pulled once, whoever leads");
    }

    [TestCase("""{"waiting":{"reason":"ImagePullBackOff","message":"not found"}}""", "Running", "ImagePullBackOff: not found")]
    [TestCase("""{"waiting":{"reason":"InvalidImageName","message":"bad"}}""", "Pending", "InvalidImageName: bad")]
    [TestCase("", "Failed", "NodeAffinity: does not match")]
    public async Task A_pull_that_failed_is_reported_and_not_repeated(string state, string phase, string message)
    {
        PutRevision("hello");
        PutNode("a");
        PutImage("hello");
        await PassAsync("hello");
        End("a", state, phase, "NodeAffinity", "does not match");

        (await PassAsync("hello")).Requeue.Should().BeNull();

        Pods().Should().BeEmpty();
        var said = $"Pulled on 0 of 1 nodes that needed it; a: {message}";
        Ready("hello").Should().Be(("False", "PullFailed", said));
        _events.Received(1).Warning(Arg.Any<IKubernetesObject>(), "PullFailed", said);
    }

    [Test]
    public async Task A_first_error_is_left_to_the_kubelet_until_the_deadline()
    {
        PutRevision("hello");
        PutNode("a");
        PutImage("hello");
        await PassAsync("hello");
        End("a", """{"waiting":{"reason":"ErrImagePull","message":"timeout"}}""");
        (await PassAsync("hello")).Requeue.Should().NotBeNull();
        Pods().Should().ContainSingle();

        _time.Advance(PullPod.Deadline + TimeSpan.FromMinutes(2));
        await PassAsync("hello");
        Pods().Should().BeEmpty();
        Ready("hello").Reason.Should().Be("PullFailed");
    }

    [Test]
    public async Task A_pod_that_the_namespace_forbids_is_a_failure()
    {
        PutRevision("hello");
        PutNode("a");
        PutImage("hello");
        _cluster.FailNext(
            request => request is { Verb: "create", Plural: "pods" },
            new KubernetesException(
                "create pods",
                new Status
                {
                    Code = (int)HttpStatusCode.Forbidden,
                    Reason = "Forbidden",
                    Message = "exceeded quota",
                }
            )
        );

        await PassAsync("hello");

        Ready("hello").Should().Be(("False", "PullFailed", "Pulled on 0 of 1 nodes that needed it; a: exceeded quota"));
    }

    [Test]
    public async Task No_more_than_its_bound_pull_at_once_over_all_images()
    {
        for (var i = 0; i < 8; i++)
            PutNode($"node-{i}");
        foreach (var name in new[] { "one", "two" })
        {
            PutRevision(name);
            PutImage(name);
        }

        var most = 0;
        for (var round = 0; round < 30 && !(Ready("one").Status == "True" && Ready("two").Status == "True"); round++)
        {
            await PassAsync("one");
            await PassAsync("two");
            most = Math.Max(most, Pods().Count);
            Pods().Count.Should().BeLessThanOrEqualTo(ImagePullReconciler.MostAtOnce);
            if (Pods() is [var pod, ..])
                End(pod, """{"terminated":{"exitCode":128}}""");
        }

        most.Should().Be(ImagePullReconciler.MostAtOnce);
        Ready("one").Message.Should().Be("Pulled on 8 of 8 nodes that needed it");
        Ready("two").Message.Should().Be("Pulled on 8 of 8 nodes that needed it");
    }

    [Test]
    public async Task Off_it_does_nothing_and_takes_its_pods_away()
    {
        PutRevision("hello");
        PutNode("a");
        PutImage("hello");
        _isOn = false;
        await PassAsync("hello");
        _cluster.Writes.Should().BeEmpty();

        _isOn = true;
        await PassAsync("hello");
        Pods().Should().ContainSingle();
        _isOn = false;
        Restart();
        await PassAsync("hello");
        Pods().Should().BeEmpty();
    }

    [Test]
    public async Task A_revision_that_no_Route_uses_is_left_alone()
    {
        PutRevision("hello", state: ServingKeys.RoutingStateReserve);
        PutNode("a");
        PutImage("hello");
        (await PassAsync("hello")).Requeue.Should().BeNull();
        Pods().Should().BeEmpty();
    }

    private void Restart() =>
        _reconciler = new ImagePullReconciler(
            _cluster.For(Resources.Images).Lister,
            _cluster.For(Resources.Revisions).Lister,
            () => _isOn,
            _events,
            _time
        );

    private Task<Reconcile> PassAsync(string image)
    {
        _time.Advance(TimeSpan.FromSeconds(11));
        return _reconciler.ReconcileAsync(new ObjectKey("ns", image), _cluster, CancellationToken.None);
    }

    private IReadOnlyList<Pod> Pods() => _cluster.All(Resources.Pods, "ns");

    private (string Status, string Reason, string Message) Ready(string image) =>
        ConditionSet.Get(_cluster.Find(Resources.Images, "ns", image)!.Status?.Conditions ?? [], "Ready") is { } ready
            ? (ready.Status, ready.Reason, ready.Message)
            : ("", "", "");

    private void End(string node, string state, string phase = "Pending", string reason = "", string message = "") =>
        End(Pods().Single(pod => pod.Spec!.NodeName == node), state, phase, reason, message);

    private void End(Pod pod, string state, string phase = "Pending", string reason = "", string message = "") =>
        _cluster.Put(
            Resources.Pods,
            pod with
            {
                Status = new PodStatus
                {
                    Phase = phase,
                    Reason = reason,
                    Message = message,
                    ContainerStatuses =
                        state.Length == 0
                            ? []
                            :
                            [
                                new ContainerStatus
                                {
                                    Name = "pull",
                                    Image = Reference,
                                    State = System.Text.Json.JsonSerializer.Deserialize<ContainerState>(
                                        state,
                                        System.Text.Json.JsonSerializerOptions.Web
                                    ),
                                },
                            ],
                },
            }
        );

    private void PutNode(string name, string labels = "{}", string spec = "{}", string ready = "True", string images = "[]") =>
        _cluster.Put(
            Resources.Nodes,
            System.Text.Json.JsonSerializer.Deserialize(
                $$"""
                {"apiVersion":"v1","kind":"Node","metadata":{"name":"{{name}}","labels":{{labels}}},"spec":{{spec}},
                "status":{"conditions":[{"type":"Ready","status":"{{ready}}"}],"images":{{images}} } }
                """,
                Resources.Nodes.Json
            )!
        );

    private void PutRevision(string name, string spec = "", string state = ServingKeys.RoutingStateActive)
    {
        var yaml = $$"""
            apiVersion: serving.knative.dev/v1
            kind: Revision
            metadata: {name: {{name}}, namespace: ns, uid: uid-{{name}}, labels: {serving.knative.dev/routingState: {{state}} } }
            spec: {containers: [{image: app}]{{(spec.Length > 0 ? ", " + spec : "")}} }
            """;
        _cluster.Put(
            Resources.Revisions,
            System.Text.Json.JsonSerializer.Deserialize(
                Serving.Kubernetes.Yaml.YamlDocuments.Read(yaml).Single(),
                Resources.Revisions.Json
            )!
        );
    }

    private void PutImage(string name) =>
        _cluster.Put(
            Resources.Images,
            new Image
            {
                ApiVersion = Resources.Images.ApiVersion,
                Kind = "Image",
                Metadata = new ObjectMeta
                {
                    Namespace = "ns",
                    Name = name,
                    OwnerReferences =
                    [
                        new OwnerReference
                        {
                            ApiVersion = "serving.knative.dev/v1",
                            Kind = "Revision",
                            Name = name,
                            Uid = $"uid-{name}",
                            Controller = true,
                        },
                    ],
                },
                Spec = new ImageSpec
                {
                    Reference = Reference,
                    ServiceAccountName = "builder",
                    ImagePullSecrets = [new LocalObjectReference { Name = "registry" }],
                },
            }
        );
}
