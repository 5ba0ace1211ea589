using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Conditions;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Controller.Revisions.Digests;
using Serving.Tests.Support;

namespace Serving.Tests.Controller.Digests;

public sealed class DigestConditionsTests
{
    private const string Message = "Unable to fetch image \"app:1\": failed to resolve image to digest: MANIFEST_UNKNOWN: manifest unknown";

    [Test]
    public async Task A_Revision_whose_image_is_being_looked_up_says_so_and_has_no_Deployment()
    {
        var world = new ReconcilingCluster(new Resolver());
        world.Cluster.Put(Resources.KnativeServices, Samples.Service());

        await world.SettleAsync();

        Condition(world, "ResourcesAvailable")
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "Unknown",
                    Reason = "ResolvingDigests",
                    Message = "",
                }
            );
        world.Cluster.All(Resources.Deployments).Should().BeEmpty();
    }

    [Test]
    public async Task Digests_are_recorded_and_deployed()
    {
        var world = new ReconcilingCluster(new Resolver { Digest = "index.docker.io/library/app@sha256:1" });
        var service = Samples.Service();
        world.Cluster.Put(
            Resources.KnativeServices,
            service with
            {
                Spec = service.Spec with
                {
                    Template = service.Spec.Template with
                    {
                        Spec = service.Spec.Template.Spec with { InitContainers = [new Container { Name = "init", Image = "setup:1" }] },
                    },
                },
            }
        );

        await world.SettleAsync();

        var revision = Revision(world);
        revision
            .Status.ContainerStatuses.Single()
            .Should()
            .BeEquivalentTo(new { Name = "user-container", ImageDigest = "index.docker.io/library/app@sha256:1" });
        revision.Status.InitContainerStatuses.Single().Name.Should().Be("init");
        world
            .Cluster.All(Resources.Deployments)
            .Single()
            .Spec!.Template!.Spec!.Containers[0]
            .Image.Should()
            .Be("index.docker.io/library/app@sha256:1");
        world
            .Cluster.Find(Resources.Images, Samples.Namespace, "hello-00001-cache-user-container")!
            .Spec.Reference.Should()
            .Be("index.docker.io/library/app@sha256:1");
    }

    [Test]
    public async Task An_image_that_cannot_be_had_is_reported_up_to_the_Service_and_heals()
    {
        var resolver = new Resolver { Failure = "MANIFEST_UNKNOWN: manifest unknown" };
        var world = new ReconcilingCluster(resolver);
        world.Cluster.Put(Resources.KnativeServices, Samples.Service());

        await SettleFailingAsync(world);

        var revision = Revision(world);
        Condition(world, "ContainerHealthy")
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "False",
                    Reason = "ContainerMissing",
                    Message,
                }
            );
        Condition(world, "Ready")
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "False",
                    Reason = "ContainerMissing",
                    Message,
                }
            );
        revision.Status.ContainerStatuses.Should().BeEmpty();
        ConditionSet
            .Get(world.Cluster.Find(Resources.Configurations, Samples.Namespace, "hello")!.Status.Conditions, "Ready")
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "False",
                    Reason = "RevisionFailed",
                    Message = $"Revision \"hello-00001\" failed with message: {Message}.",
                }
            );
        ConditionSet
            .Get(world.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello")!.Status.Conditions, "ConfigurationsReady")!
            .Status.Should()
            .Be("False");

        // Waiting for the next attempt does not make it look better.
        await world.SettleAsync();
        Condition(world, "Ready")!.Status.Should().Be("False");

        resolver.Failure = null;
        resolver.Digest = "found";
        world.Time.Advance(TimeSpan.FromSeconds(2));
        await Eventually.HoldsAsync(async () =>
        {
            await world.SettleAsync();
            Revision(world).Status.ContainerStatuses.Single().ImageDigest.Should().Be("found");
        });
        world.MakeReady("hello-00001");
        await world.SettleAsync();
        Condition(world, "Ready")!.Status.Should().Be("True");
    }

    private static async Task SettleFailingAsync(ReconcilingCluster world)
    {
        var failures = 0;
        while (true)
        {
            try
            {
                await world.SettleAsync();
                return;
            }
            catch (DigestException) when (++failures < 5)
            {
                // The loop would try again: so does the test.
            }
        }
    }

    private static Revision Revision(ReconcilingCluster world) =>
        world.Cluster.Find(Resources.Revisions, Samples.Namespace, "hello-00001")!;

    private static Condition? Condition(ReconcilingCluster world, string type) => ConditionSet.Get(Revision(world).Status.Conditions, type);

    private sealed class Resolver : IDigestResolver
    {
        public string? Digest { get; set; }

        public string? Failure { get; set; }

        public ValueTask<string> ResolveAsync(DigestRequest request, CancellationToken cancellation) =>
            Failure is not null ? throw new DigestException(request.Image, Failure)
            : Digest is not null ? ValueTask.FromResult(Digest)
            : new ValueTask<string>(new TaskCompletionSource<string>().Task.WaitAsync(cancellation));
    }
}
