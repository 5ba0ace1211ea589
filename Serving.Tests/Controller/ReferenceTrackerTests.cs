using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Controller.Common;
using Serving.Kubernetes;

namespace Serving.Tests.Controller;

public sealed class ReferenceTrackerTests
{
    private static readonly ObjectKey Route = new("ns", "route");

    private readonly ReferenceTracker _tracker = new();

    [SetUp]
    public void Clear() => _tracker.Clear();

    [Test]
    public void What_a_look_did_not_track_again_is_forgotten_when_it_settles()
    {
        Look("one", "two");

        _tracker.Begin(Route);
        _tracker.Track(Route, "Revision", new ObjectKey("ns", "two"));
        _tracker
            .FollowersOf("Revision", new ObjectKey("ns", "one"))
            .Should()
            .Equal([Route], "a look that fails half-way must lose nothing");
        _tracker.Settle(Route);

        _tracker.FollowersOf("Revision", new ObjectKey("ns", "one")).Should().BeEmpty();
        _tracker.FollowersOf("Revision", new ObjectKey("ns", "two")).Should().Equal(Route);
    }

    [Test]
    public void A_look_that_failed_half_way_is_settled_by_the_next_whole_one()
    {
        Look("one");
        _tracker.Begin(Route);
        _tracker.Track(Route, "Revision", new ObjectKey("ns", "two"));

        Look("three");

        _tracker.Count.Should().Be(1);
        _tracker.FollowersOf("Revision", new ObjectKey("ns", "three")).Should().Equal(Route);
    }

    [Test]
    public void A_follower_of_nothing_leaves_nothing_behind()
    {
        Look("one");
        Look();
        _tracker.Count.Should().Be(0);

        Look("one");
        _tracker.Forget(Route);
        _tracker.Count.Should().Be(0);
    }

    [Test]
    public async Task A_route_that_is_pointed_at_one_revision_after_the_other_follows_no_more_than_it_names()
    {
        var cluster = new ReconcilingCluster();
        for (var i = 0; i < 20; i++)
        {
            cluster.Cluster.Put(
                Resources.Routes,
                new Route
                {
                    Metadata = new ObjectMeta
                    {
                        Namespace = Samples.Namespace,
                        Name = "pinned",
                        Uid = "uid-pinned",
                        Generation = i + 1,
                    },
                    Spec = new RouteSpec { Traffic = [new TrafficTarget { RevisionName = $"pinned-{i:00000}", Percent = 100 }] },
                }
            );
            await cluster.SettleAsync();
        }

        cluster.FollowedByRoutes.Should().Be(1);
    }

    private void Look(params string[] names)
    {
        _tracker.Begin(Route);
        foreach (var name in names)
        {
            _tracker.Track(Route, "Revision", new ObjectKey("ns", name));
        }

        _tracker.Settle(Route);
    }
}
