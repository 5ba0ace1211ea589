using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Informers;
using Serving.Tests.Support;

namespace Serving.Tests.Kubernetes;

public sealed class InMemoryClusterTests
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly Dictionary<string, string> Labels = new() { ["app"] = "web" };

    private InMemoryCluster _cluster = null!;

    [SetUp]
    public void SetUp() => _cluster = new InMemoryCluster();

    [Test]
    public async Task A_stale_update_conflicts()
    {
        var first = await _cluster.CreateAsync(Resources.Deployments, Web(1), None);
        await _cluster.UpdateAsync(Resources.Deployments, first with { Spec = Web(2).Spec }, None);

        var stale = () => _cluster.UpdateAsync(Resources.Deployments, first with { Spec = Web(3).Spec }, None);

        (await stale.Should().ThrowAsync<KubernetesException>()).Which.IsConflict.Should().BeTrue();
    }

    [Test]
    public async Task Status_is_only_written_through_its_subresource()
    {
        var created = await _cluster.CreateAsync(
            Resources.Deployments,
            Web(1) with
            {
                Status = new DeploymentStatus { Replicas = 9 },
            },
            None
        );
        created.Status.Should().BeNull();

        var updated = await _cluster.UpdateStatusAsync(
            Resources.Deployments,
            created with
            {
                Status = new DeploymentStatus { Replicas = 1 },
                Spec = Web(7).Spec,
            },
            None
        );

        updated.Status!.Replicas.Should().Be(1);
        updated.Spec!.Replicas.Should().Be(1);
        updated.Metadata.Generation.Should().Be(1);
    }

    [Test]
    public async Task A_changed_specification_raises_the_generation_and_an_equal_one_changes_nothing()
    {
        var created = await _cluster.CreateAsync(Resources.Deployments, Web(1), None);
        (await _cluster.UpdateAsync(Resources.Deployments, created, None))
            .Metadata.ResourceVersion.Should()
            .Be(created.Metadata.ResourceVersion);

        var patched = await _cluster.PatchAsync(
            Resources.Deployments,
            "a",
            "web",
            new Patch(PatchType.Merge, """{"spec":{"replicas":4}}"""),
            None
        );

        patched.Metadata.Generation.Should().Be(2);
        patched.Spec!.Replicas.Should().Be(4);
    }

    [Test]
    public async Task An_object_with_finalizers_goes_when_the_last_one_is_removed()
    {
        var created = await _cluster.CreateAsync(
            Resources.Deployments,
            Web(1) with
            {
                Metadata = new ObjectMeta
                {
                    Namespace = "a",
                    Name = "web",
                    Finalizers = ["x"],
                },
            },
            None
        );
        await _cluster.DeleteAsync(Resources.Deployments, "a", "web", None);
        var deleting = await _cluster.GetAsync(Resources.Deployments, "a", "web", None);
        deleting.Metadata.DeletionTimestamp.Should().NotBeNull();

        await _cluster.UpdateAsync(Resources.Deployments, deleting with { Metadata = deleting.Metadata with { Finalizers = [] } }, None);

        _cluster.Find(Resources.Deployments, "a", created.Metadata.Name).Should().BeNull();
    }

    [Test]
    public async Task Informers_see_a_write_before_it_returns()
    {
        var changes = new List<Change<Deployment>>();
        var informer = _cluster.For(Resources.Deployments);
        informer.AddHandler(changes.Add);

        await _cluster.CreateAsync(Resources.Deployments, Web(1), None);
        informer.Lister.Get("a", "web").Should().NotBeNull();
        await _cluster.DeleteAsync(Resources.Deployments, "a", "web", None);

        changes.Should().HaveCount(2);
        changes[0].Old.Should().BeNull();
        changes[1].New.Should().BeNull();
        informer.Lister.List().Should().BeEmpty();
    }

    private static Deployment Web(int replicas) =>
        new()
        {
            Metadata = new ObjectMeta { Namespace = "a", Name = "web" },
            Spec = new DeploymentSpec
            {
                Replicas = replicas,
                Selector = new LabelSelector { MatchLabels = Labels },
                Template = new PodTemplateSpec
                {
                    Metadata = new ObjectMeta { Labels = Labels },
                    Spec = new PodSpec { Containers = [new Container { Name = "web", Image = "web" }] },
                },
            },
        };
}
