using FluentAssertions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Informers;
using Serving.LocalCluster.Controllers.ReplicaSets;
using Serving.Tests.Support;
using static Serving.Tests.LocalCluster.Controllers.Samples;

namespace Serving.Tests.LocalCluster.Controllers;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class WorkloadReconcilerTests
{
    private const string Revision = "deployment.kubernetes.io/revision";
    private readonly ControllerCluster _cluster = new();

    [Test]
    public async Task A_Deployment_gets_one_ReplicaSet_and_its_pods_and_tells_how_far_it_is()
    {
        _cluster.Put(Deployment(2));
        await _cluster.SettleAsync();

        var set = _cluster.Sets.Should().ContainSingle().Subject;
        set.Metadata.Labels.Should().ContainKey("pod-template-hash");
        _cluster
            .Pods.Should()
            .HaveCount(2)
            .And.OnlyContain(pod =>
                pod.Metadata.OwnerReferences.Single().Uid == set.Metadata.Uid
                && pod.Metadata.Labels["pod-template-hash"] == set.Metadata.Labels["pod-template-hash"]
                && pod.Metadata.Name.StartsWith(set.Metadata.Name + "-")
            );
        _cluster
            .Deployment.Status.Should()
            .Match<DeploymentStatus>(status => status.Replicas == 2 && status.UpdatedReplicas == 2 && status.UnavailableReplicas == 2);
        Condition("Progressing").Reason.Should().Be("ReplicaSetUpdated");

        _cluster.Answer();
        (await _cluster.SettleAsync()).Should().BeNull();
        _cluster
            .Deployment.Status.Should()
            .Match<DeploymentStatus>(status =>
                status.AvailableReplicas == 2 && status.ReadyReplicas == 2 && status.UnavailableReplicas == 0
            );
        Condition("Progressing").Reason.Should().Be("NewReplicaSetAvailable");
        Condition("Available").Status.Should().Be("True");
    }

    [Test]
    public async Task Scaling_down_takes_the_pods_of_least_worth_and_up_adds_what_is_missing()
    {
        _cluster.Put(Deployment(3));
        await _cluster.SettleAsync();
        _cluster.Answer();
        var kept = _cluster.Pods[1];
        _cluster.Cluster.Put(
            Resources.Pods,
            kept.With(metadata =>
                metadata with
                {
                    Annotations = new Dictionary<string, string> { ["controller.kubernetes.io/pod-deletion-cost"] = "10" },
                }
            )
        );

        _cluster.Change(spec => spec with { Replicas = 1 });
        await _cluster.SettleAsync();
        _cluster.Pods.Should().ContainSingle().Which.Metadata.Name.Should().Be(kept.Metadata.Name);

        _cluster.Change(spec => spec with { Replicas = 4 });
        await _cluster.SettleAsync();
        _cluster.Pods.Should().HaveCount(4).And.Contain(pod => pod.Metadata.Name == kept.Metadata.Name);
    }

    [Test]
    public async Task A_ReplicaSet_that_waits_for_its_cache_makes_no_pod_twice()
    {
        // Its pod cache belongs to another cluster, and has only what the test adds.
        var (cache, api) = (new InMemoryCluster(_cluster.Time), _cluster.Cluster);
        var informers = Substitute.For<IInformers>();
        informers.For(Resources.ReplicaSets).Returns(api.For(Resources.ReplicaSets));
        informers.For(Resources.Pods).Returns(cache.For(Resources.Pods));
        var reconciler = new ReplicaSetReconciler(informers, _cluster.Events, _cluster.Time);
        api.Put(Resources.ReplicaSets, Selecting(Set("rs", 2)));
        var key = new ObjectKey("ns", "rs");

        await reconciler.ReconcileAsync(key, api, CancellationToken.None);
        await reconciler.ReconcileAsync(key, api, CancellationToken.None);
        api.All(Resources.Pods).Should().HaveCount(2);

        foreach (var pod in api.All(Resources.Pods))
        {
            cache.Put(Resources.Pods, pod);
        }

        await reconciler.ReconcileAsync(key, api, CancellationToken.None);
        api.All(Resources.Pods).Should().HaveCount(2);
    }

    [Test]
    public async Task A_pod_that_cannot_be_made_is_said_and_tried_again()
    {
        _cluster.Cluster.Put(Resources.ReplicaSets, Set("rs", 1));
        _cluster.Cluster.FailNext(
            request => request is { Verb: "create", Plural: "pods" },
            new KubernetesException(
                "create pod",
                new Status
                {
                    Code = 403,
                    Reason = "Forbidden",
                    Message = "exceeded quota",
                }
            )
        );

        await _cluster.Invoking(it => it.ReconcileSetAsync("rs")).Should().ThrowAsync<KubernetesException>();
        Conditions()
            .Should()
            .ContainSingle()
            .Which.Should()
            .Match<Condition>(failure =>
                failure.Type == "ReplicaFailure"
                && failure.Status == "True"
                && failure.Reason == "FailedCreate"
                && failure.Message == "exceeded quota"
                && failure.LastTransitionTime != null
            );

        await _cluster.ReconcileSetAsync("rs");

        Conditions().Should().BeEmpty();
        _cluster.Pods.Should().ContainSingle();
        _cluster
            .Events.ReceivedCalls()
            .Should()
            .Contain(call =>
                call.GetArguments().Contains("FailedCreate") && call.GetArguments().Contains("Error creating: exceeded quota")
            );

        IReadOnlyList<Condition> Conditions() => _cluster.Sets.Single().Status!.Conditions;
    }

    [Test]
    public async Task A_Deployment_says_why_its_pods_cannot_be_made_as_long_as_that_is_so()
    {
        _cluster.Put(Deployment(1));
        await _cluster.StepAsync();
        _cluster.Cluster.FailNext(
            request => request is { Verb: "create", Plural: "pods" },
            new KubernetesException(
                "create pod",
                new Status
                {
                    Code = 403,
                    Reason = "Forbidden",
                    Message = "exceeded quota",
                }
            )
        );
        await _cluster.Invoking(it => it.StepAsync()).Should().ThrowAsync<KubernetesException>();

        await _cluster.ReconcileDeploymentAsync();
        Failure()
            .Should()
            .Match<Condition>(failure =>
                failure.Status == "True" && failure.Reason == "FailedCreate" && failure.Message == "exceeded quota"
            );

        await _cluster.SettleAsync();
        Failure().Should().BeNull();
        _cluster.Pods.Should().ContainSingle();

        Condition? Failure() => _cluster.Deployment.Status!.Conditions.FirstOrDefault(condition => condition.Type == "ReplicaFailure");
    }

    [Test]
    public async Task A_pod_that_failed_or_goes_is_replaced()
    {
        _cluster.Put(Deployment(1));
        await _cluster.SettleAsync();
        var failed = _cluster.Pods.Single();
        _cluster.Cluster.Put(Resources.Pods, failed with { Status = new PodStatus { Phase = "Failed" } });

        await _cluster.SettleAsync();

        _cluster.Pods.Should().HaveCount(2);
    }

    [Test]
    public async Task A_pod_that_matches_and_is_nobodys_is_taken_in_and_one_that_no_longer_matches_let_go()
    {
        var orphan = _cluster.Cluster.Put(Resources.Pods, Pod("orphan", ready: true));
        var set = _cluster.Cluster.Put(Resources.ReplicaSets, Selecting(Set("rs", 1)));

        await _cluster.ReconcileSetAsync("rs");
        _cluster
            .Pods.Should()
            .ContainSingle()
            .Which.Metadata.OwnerReferences.Should()
            .ContainSingle()
            .Which.Uid.Should()
            .Be(set.Metadata.Uid);

        _cluster.Cluster.Put(
            Resources.Pods,
            _cluster.Pods.Single().With(metadata => metadata with { Labels = new Dictionary<string, string> { ["app"] = "debug" } })
        );
        await _cluster.ReconcileSetAsync("rs");
        _cluster.Pods.Should().HaveCount(2);
        _cluster.Cluster.Find(Resources.Pods, "ns", orphan.Metadata.Name)!.Metadata.OwnerReferences.Should().BeEmpty();
    }

    [Test]
    public async Task A_rolling_update_replaces_the_pods_as_the_new_ones_become_ready()
    {
        _cluster.Put(Deployment(3, strategy: Rolling(1, 0)));
        await _cluster.SettleAsync();
        _cluster.Answer();
        await _cluster.SettleAsync();

        _cluster.Change(_ => Deployment(3, "two", Rolling(1, 0)).Spec!);
        foreach (var (one, two) in ((int, int)[])[(3, 1), (2, 2), (1, 3), (0, 3)])
        {
            await _cluster.SettleAsync();
            _cluster.Sizes.Should().BeEquivalentTo(new Dictionary<string, int> { ["one"] = one, ["two"] = two });
            _cluster.Answer("two");
        }

        await _cluster.SettleAsync();
        _cluster.Pods.Should().HaveCount(3).And.OnlyContain(pod => pod.Spec!.Containers[0].Image == "two");
        Condition("Progressing").Reason.Should().Be("NewReplicaSetAvailable");
    }

    [Test]
    public async Task A_rollback_uses_the_old_ReplicaSet_and_makes_it_the_latest_revision()
    {
        _cluster.Put(Deployment(1));
        foreach (var image in (string[])["one", "two", "one"])
        {
            _cluster.Change(_ => Deployment(1, image).Spec!);
            await _cluster.SettleAsync();
            _cluster.Answer();
            await _cluster.SettleAsync();
        }

        _cluster.Sizes.Should().BeEquivalentTo(new Dictionary<string, int> { ["one"] = 1, ["two"] = 0 });
        _cluster.Sets.Single(set => set.Spec!.Replicas == 1).Metadata.Annotations[Revision].Should().Be("3");
        _cluster.Deployment.Metadata.Annotations[Revision].Should().Be("3");
    }

    [Test]
    public async Task Recreate_starts_nothing_before_the_old_pods_are_gone()
    {
        var recreate = new DeploymentStrategy { Type = "Recreate" };
        _cluster.Put(Deployment(2, strategy: recreate));
        await _cluster.SettleAsync();
        foreach (var pod in _cluster.Pods)
        {
            _cluster.Cluster.Put(Resources.Pods, pod.With(metadata => metadata with { Finalizers = ["example.com/stopping"] }));
        }

        _cluster.Change(_ => Deployment(2, "two", recreate).Spec!);
        await _cluster.StepAsync();
        _cluster.Pods.Should().HaveCount(2).And.OnlyContain(pod => pod.Spec!.Containers[0].Image == "one");
        await _cluster.SettleAsync();

        _cluster
            .Pods.Where(pod => pod.Metadata.DeletionTimestamp is null)
            .Should()
            .HaveCount(2)
            .And.OnlyContain(pod => pod.Spec!.Containers[0].Image == "two");
    }

    [Test]
    public async Task A_rollout_that_stands_still_exceeds_its_deadline_when_it_said_it_would_look()
    {
        _cluster.Put(Deployment(1));
        var requeue = await _cluster.SettleAsync();
        requeue.Should().BeCloseTo(TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(1));
        Condition("Progressing").Reason.Should().Be("ReplicaSetUpdated");

        _cluster.Time.Advance(requeue!.Value);
        await _cluster.SettleAsync();
        Condition("Progressing")
            .Should()
            .Match<Condition>(condition => condition.Status == "False" && condition.Reason == "ProgressDeadlineExceeded");

        _cluster.Answer();
        await _cluster.SettleAsync();
        Condition("Progressing")
            .Should()
            .Match<Condition>(condition => condition.Status == "True" && condition.Reason == "NewReplicaSetAvailable");
    }

    [Test]
    public async Task Old_ReplicaSets_beyond_the_history_are_deleted_oldest_first()
    {
        _cluster.Put(Deployment(0));
        foreach (var image in (string[])["one", "two", "three", "four"])
        {
            _cluster.Change(_ => Deployment(0, image).Spec! with { RevisionHistoryLimit = 1 });
            await _cluster.SettleAsync();
        }

        _cluster.Sizes.Keys.Should().BeEquivalentTo("three", "four");
    }

    [Test]
    public async Task A_paused_Deployment_starts_no_new_template_but_is_scaled()
    {
        _cluster.Put(Deployment(1));
        await _cluster.SettleAsync();
        _cluster.Change(_ => Deployment(1, "two").Spec! with { Paused = true });
        await _cluster.SettleAsync();

        _cluster.Sizes.Should().BeEquivalentTo(new Dictionary<string, int> { ["one"] = 1 });
    }

    [Test]
    public async Task What_is_written_says_only_what_differs()
    {
        _cluster.Put(Deployment(1));
        await _cluster.SettleAsync();
        _cluster.Cluster.ForgetWrites();

        _cluster.Change(spec => spec with { Replicas = 3 });
        await _cluster.SettleAsync();

        _cluster.Cluster.Writes.Should().NotContain(write => write.Verb == "update");
        _cluster.Sets.Should().ContainSingle().Which.Spec!.Replicas.Should().Be(3);
    }

    [Test]
    public async Task The_newest_ReplicaSet_follows_the_annotations_and_the_patience_of_its_Deployment()
    {
        _cluster.Put(Deployment(1));
        await _cluster.SettleAsync();

        var deployment = _cluster.Deployment;
        var annotations = new Dictionary<string, string>(deployment.Metadata.Annotations)
        {
            ["team"] = "blue",
            ["kubectl.kubernetes.io/last-applied-configuration"] = "{}",
        };
        _cluster.Put(
            deployment with
            {
                Metadata = deployment.Metadata with { Annotations = annotations },
                Spec = deployment.Spec! with { MinReadySeconds = 7 },
            }
        );
        await _cluster.SettleAsync();

        var set = _cluster.Sets.Should().ContainSingle().Subject;
        set.Metadata.Annotations.Should().BeEquivalentTo(new Dictionary<string, string> { ["team"] = "blue", [Revision] = "1" });
        set.Spec!.MinReadySeconds.Should().Be(7);
    }

    [Test]
    public async Task What_refuses_one_pod_is_not_asked_for_all()
    {
        _cluster.Cluster.Put(Resources.ReplicaSets, Set("rs", 8));
        _cluster.Cluster.FailNext(
            request => request is { Verb: "create", Plural: "pods" },
            new KubernetesException(
                "create pod",
                new Status
                {
                    Code = 403,
                    Reason = "Forbidden",
                    Message = "no",
                }
            )
        );

        await _cluster.Invoking(it => it.ReconcileSetAsync("rs")).Should().ThrowAsync<KubernetesException>();
        _cluster.Cluster.Writes.Count(write => write is { Verb: "create", Plural: "pods" }).Should().Be(1);

        await _cluster.ReconcileSetAsync("rs");
        _cluster.Pods.Should().HaveCount(8);
    }

    private static ReplicaSet Selecting(ReplicaSet set) =>
        set with
        {
            Spec = set.Spec! with
            {
                Selector = new LabelSelector { MatchLabels = new Dictionary<string, string> { ["app"] = "d" } },
                Template = Deployment(1).Spec!.Template,
            },
        };

    private Condition Condition(string type) => _cluster.Deployment.Status!.Conditions.Single(condition => condition.Type == type);
}
