using System.Text.Json;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Autoscaler;
using Serving.Autoscaler.Reconcilers;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Reconcilers;
using Serving.Tests.Support;

namespace Serving.Tests.Autoscaler;

public sealed class HpaReconcilerTests
{
    private static readonly ObjectKey Key = new("ns", "rev");

    private InMemoryCluster _cluster = null!;
    private HpaReconciler _reconciler = null!;

    [SetUp]
    public void SetUp()
    {
        var time = new ManualTimeProvider();
        _cluster = new InMemoryCluster(time);
        _reconciler = new HpaReconciler(
            new AutoscalerInformers(_cluster),
            () => ConfigSnapshot.Default,
            NSubstitute.Substitute.For<IEventRecorder>(),
            time
        );
    }

    private HorizontalPodAutoscalerSpec Spec => _cluster.Find(Resources.HorizontalPodAutoscalers, "ns", "rev")!.Spec!;

    [Test]
    public async Task Takes_back_what_the_revision_does_not_ask_for_any_more()
    {
        PutAutoscaler(("minScale", "3"), ("window", "120s"), ("target", "50"));
        await ReconcileAsync();
        Spec.MinReplicas.Should().Be(3);
        Spec.Behavior.Should().NotBeNull();
        Spec.Metrics.Should().ContainSingle();

        PutAutoscaler();
        await ReconcileAsync();
        Spec.MinReplicas.Should().Be(1, "Kubernetes' default");
        Spec.Behavior.Should().BeNull();
        Spec.Metrics.Should().BeEmpty();
    }

    [Test]
    public async Task Changes_the_behaviour_with_the_window()
    {
        PutAutoscaler(("window", "120s"));
        await ReconcileAsync();
        FillIn();
        PutAutoscaler(("window", "60s"));
        await ReconcileAsync();
        Spec.Behavior!.Value.GetProperty("scaleUp").GetProperty("stabilizationWindowSeconds").GetInt32().Should().Be(60);
    }

    [TestCase()]
    [TestCase("minScale", "2", "window", "60s", "target", "70")]
    [TestCase("metric", "memory", "target", "2048")]
    [TestCase("metric", "requests", "target", "1500")]
    public async Task Does_not_fight_over_what_Kubernetes_fills_in(params string[] annotations)
    {
        PutAutoscaler([.. annotations.Chunk(2).Select(pair => (pair[0], pair[1]))]);
        await ReconcileAsync();
        await ReconcileAsync();
        FillIn();
        _cluster.ForgetWrites();
        await ReconcileAsync();
        _cluster.Writes.Should().NotContain(write => write.Plural == "horizontalpodautoscalers");
    }

    [TestCase("2048", "2Gi")]
    [TestCase("300", "300Mi")]
    public async Task Writes_amounts_as_Kubernetes_does(string target, string written)
    {
        PutAutoscaler(("metric", "memory"), ("target", target));
        await ReconcileAsync();
        Spec.Metrics.Single().GetProperty("resource").GetProperty("target").GetProperty("averageValue").GetString().Should().Be(written);
    }

    [TestCase(403, "Forbidden")]
    [TestCase(500, "InternalError")]
    public async Task Says_when_Kubernetes_does_not_take_the_HorizontalPodAutoscaler(int code, string reason)
    {
        PutAutoscaler();
        _cluster.FailNext(
            request => request is { Verb: "create", Plural: "horizontalpodautoscalers" },
            new KubernetesException(
                "create",
                new Status
                {
                    State = "Failure",
                    Code = code,
                    Reason = reason,
                    Message = "no",
                }
            )
        );
        await FluentActions.Awaiting(ReconcileAsync).Should().ThrowAsync<Exception>();
        var active = _cluster
            .Find(Resources.PodAutoscalers, "ns", "rev")!
            .Status.Conditions.Single(condition => condition.Type == "Active");
        active
            .Should()
            .Match<Condition>(condition =>
                condition.Status == "False"
                && condition.Reason == "FailedCreate"
                && condition.Message == "Failed to create HorizontalPodAutoscaler \"rev\". no"
            );
    }

    private Task<Reconcile> ReconcileAsync() => _reconciler.ReconcileAsync(Key, _cluster, CancellationToken.None);

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
                    Annotations = annotations
                        .Append(("class", "hpa.autoscaling.knative.dev"))
                        .ToDictionary(a => "autoscaling.knative.dev/" + a.Item1, a => a.Item2),
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

    /// <summary>Adds what the API server adds to a HorizontalPodAutoscaler.</summary>
    private void FillIn()
    {
        var hpa = _cluster.Find(Resources.HorizontalPodAutoscalers, "ns", "rev")!;
        _cluster.Put(
            Resources.HorizontalPodAutoscalers,
            hpa with
            {
                Spec = hpa.Spec! with
                {
                    MinReplicas = hpa.Spec!.MinReplicas ?? 1,
                    Metrics =
                        hpa.Spec.Metrics.Count > 0
                            ? hpa.Spec.Metrics
                            :
                            [
                                Json(
                                    """{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":80}}}"""
                                ),
                            ],
                    Behavior = hpa.Spec.Behavior is not { } behavior
                        ? null
                        : Json(
                            $$"""
                            {
                              "scaleUp": {"stabilizationWindowSeconds": {{Seconds(behavior)}}, "selectPolicy": "Max", "policies": [
                                {"type": "Pods", "value": 4, "periodSeconds": 15}, {"type": "Percent", "value": 100, "periodSeconds": 15}]},
                              "scaleDown": {"stabilizationWindowSeconds": {{Seconds(behavior)}}, "selectPolicy": "Max", "policies": [
                                {"type": "Percent", "value": 100, "periodSeconds": 15}]}
                            }
                            """
                        ),
                },
            }
        );

        static JsonElement Json(string text) => JsonElement.Parse(text);
        static int Seconds(JsonElement behavior) => behavior.GetProperty("scaleUp").GetProperty("stabilizationWindowSeconds").GetInt32();
    }
}
