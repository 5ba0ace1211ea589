using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.StatusPages.Models;
using Serving.StatusPages.Pages;

namespace Serving.Tests.StatusPages;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class OverviewTests
{
    private readonly StatusWorld _world = new();

    [Test]
    public void What_fails_comes_first_and_says_why()
    {
        _world.PutService("b");
        _world.PutService("a");
        _world.PutService("starts", "Unknown", "Deploying", "two of three pods are ready");
        _world.PutService("fails", "False", "RevisionFailed", "Unable to fetch image");

        var page = Build();

        page.Services.Select(service => service.Name).Should().Equal("fails", "starts", "a", "b");
        page.Services[0]
            .Should()
            .BeEquivalentTo(
                new
                {
                    State = StateKind.Failing,
                    Reason = "RevisionFailed",
                    Message = "Unable to fetch image",
                }
            );
        page.Should()
            .BeEquivalentTo(
                new
                {
                    Total = 4,
                    Ready = 2,
                    Waiting = 1,
                    Failing = 1,
                    Matching = 4,
                    Pages = 1,
                }
            );
    }

    [Test]
    public void The_cause_is_told_rather_than_its_consequence()
    {
        var service = _world.PutService("fails", "False", "RevisionMissing", "there is no ready Revision");
        var cause = new Condition
        {
            Type = "ConfigurationsReady",
            Status = "False",
            Reason = "RevisionFailed",
            Message = "the image cannot be pulled",
        };
        _world.Caches.Put(service with { Status = service.Status with { Conditions = [.. service.Status.Conditions, cause] } });

        Build().Services.Single().Message.Should().Be("the image cannot be pulled");
    }

    [Test]
    public void A_Service_without_conditions_is_starting()
    {
        _world.Caches.Put(
            new Service
            {
                Metadata = new ObjectMeta { Namespace = "default", Name = "new" },
            }
        );

        Build().Services.Should().ContainSingle().Which.Status.Should().Be("Starting");
    }

    [TestCase("other", "", "", "c")]
    [TestCase("", "A", "", "a,ab")]
    [TestCase("", "", "failing", "ab")]
    [TestCase("other", "a", "", "")]
    public void Filters_by_namespace_part_of_the_name_and_state(string ns, string name, string state, string expected)
    {
        _world.PutService("a");
        _world.PutService("ab", "False");
        _world.PutService("c", ns: "other");

        var page = Build(new OverviewQuery(ns, name, state, 1));

        page.Services.Select(service => service.Name).Order().Should().Equal(expected.Split(',', StringSplitOptions.RemoveEmptyEntries));
        page.Total.Should().Be(3, "the totals are of all Services");
    }

    [Test]
    public void Five_thousand_Services_are_shown_in_pages()
    {
        for (var i = 0; i < 5000; i++)
        {
            _world.PutService($"s{i:0000}");
        }

        Build().Services.Should().HaveCount(OverviewPage.PageSize);
        var last = Build(new OverviewQuery("", "", "", 100));
        last.Services[^1].Name.Should().Be("s4999");
        last.Pages.Should().Be(100);
        Build(new OverviewQuery("", "", "", 999)).Query.Page.Should().Be(100, "a page after the last is the last");
    }

    [Test]
    public void Counts_the_pods_of_each_Service()
    {
        _world.PutService("a");
        _world.PutPod("a-1", "a-00001", "a");
        _world.PutPod("a-2", "a-00001", "a", isReady: false);
        _world.PutPod("b-1", "b-00001", "b");

        var page = Build();

        page.Services.Single().Should().BeEquivalentTo(new { ReadyPods = 1, Pods = 2 });
        page.Pods.Should().Be(3);
    }

    [Test]
    public void A_process_that_does_not_watch_Services_says_so() => Build().Unknown.Should().Contain("does not watch Services");

    private OverviewPage Build(OverviewQuery? query = null) =>
        new OverviewBuilder(_world.Caches).Build(query ?? new OverviewQuery("", "", "", 1));
}
