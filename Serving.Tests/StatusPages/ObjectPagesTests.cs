using System.Text.Json;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.StatusPages.Models;
using Serving.StatusPages.Pages;

namespace Serving.Tests.StatusPages;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ObjectPagesTests
{
    private readonly StatusWorld _world = new();

    [Test]
    public void A_Service_has_its_conditions_traffic_revisions_and_pods()
    {
        _world.PutService("hello", "False", "RevisionMissing", "no revision");
        _world.PutRevision("hello-00001", "hello");
        _world.PutRevision("other-00001", "other");
        _world.PutPod("pod-1", "hello-00001", "hello");

        var page = new ServiceBuilder(_world.Caches).Build("default", "hello").Should().BeOfType<ServicePage>().Subject;

        page.Conditions.Single()
            .Conditions.Single()
            .Should()
            .BeEquivalentTo(
                new
                {
                    Type = "Ready",
                    State = StateKind.Failing,
                    Reason = "RevisionMissing",
                    Message = "no revision",
                }
            );
        page.Traffic.Single()
            .Should()
            .BeEquivalentTo(
                new
                {
                    Revision = "hello-00001",
                    Percent = 100L,
                    IsLatest = true,
                }
            );
        page.Revisions.Single()
            .Should()
            .BeEquivalentTo(
                new
                {
                    Name = "hello-00001",
                    Percent = 100L,
                    ReadyPods = 1,
                    WantedPods = 3,
                }
            );
        page.Pods.Single()
            .Should()
            .BeEquivalentTo(
                new
                {
                    Name = "pod-1",
                    Status = "Ready",
                    Restarts = 2,
                    ReadyContainers = 1,
                }
            );
        page.IsOutdated.Should().BeFalse();
    }

    [Test]
    public void A_status_of_an_older_generation_is_marked()
    {
        var service = _world.PutService("hello");
        _world.Caches.Put(service with { Metadata = service.Metadata with { Generation = 2 } });

        ((ServicePage)new ServiceBuilder(_world.Caches).Build("default", "hello")).IsOutdated.Should().BeTrue();
    }

    [Test]
    public void A_pod_that_is_not_ready_says_why()
    {
        _world.PutService("hello");
        var crash = new ContainerState
        {
            Waiting = new ContainerStateWaiting { Reason = "CrashLoopBackOff", Message = "back-off 10s" },
        };
        _world.PutPod("pod-1", "hello-00001", "hello", isReady: false, crash);

        var page = (ServicePage)new ServiceBuilder(_world.Caches).Build("default", "hello");

        page.Pods.Single()
            .Should()
            .BeEquivalentTo(new { State = StateKind.Failing, Why = "user-container: CrashLoopBackOff: back-off 10s" });
    }

    [Test]
    public void A_revision_has_the_conditions_of_all_that_serves_it_and_no_environment()
    {
        _world.PutService("hello");
        _world.PutRevision("hello-00001", "hello");

        var page = new RevisionBuilder(_world.Caches).Build("default", "hello-00001").Should().BeOfType<RevisionPage>().Subject;

        page.Conditions.Select(group => group.Kind).Should().Equal("Revision", "PodAutoscaler", "ServerlessService");
        page.Containers.Single().Image.Should().Be("example.com/hello");
        page.ContainerConcurrency.Should().Be(10);
        JsonSerializer.Serialize(page).Should().NotContain("hunter2").And.NotContain("PASSWORD");
    }

    [Test]
    public void An_informational_condition_is_no_failure()
    {
        _world.Caches.Put(
            new Revision
            {
                Metadata = new ObjectMeta { Namespace = "default", Name = "r" },
                Status = new RevisionStatus
                {
                    Conditions =
                    [
                        new Condition
                        {
                            Type = "Active",
                            Status = "False",
                            Severity = "Info",
                        },
                    ],
                },
            }
        );

        var page = (RevisionPage)new RevisionBuilder(_world.Caches).Build("default", "r");

        page.Conditions[0].Conditions.Single().State.Should().Be(StateKind.Idle);
    }

    [Test]
    public void What_does_not_exist_is_a_page_with_404()
    {
        StatusPage[] pages =
        [
            new ServiceBuilder(_world.Caches).Build("a", "b"),
            new RevisionBuilder(_world.Caches).Build("a", "b"),
            new ScalingBuilder(_world.Caches, _world, _world.Time).Build("a", "b"),
        ];

        pages.Should().AllBeOfType<ProblemPage>().And.OnlyContain(page => page.StatusCode == 404);
    }
}
