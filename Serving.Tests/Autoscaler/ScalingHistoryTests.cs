using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Autoscaler.Inspection;
using Serving.Autoscaler.Scaling;
using Serving.Dataplane.Inspection;
using Serving.Kubernetes;
using Serving.Tests.Support;

namespace Serving.Tests.Autoscaler;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ScalingHistoryTests : IMetricSource
{
    private static readonly ObjectKey Key = new("ns", "rev");

    private readonly ManualTimeProvider _time = new();
    private readonly ScalingHistory _history = new();
    private double _load;

    [Test]
    public void Keeps_what_was_decided()
    {
        var deciders = NewDeciders();
        _load = 3;
        deciders.EvaluateAll();

        deciders
            .HistoryOf(Key)
            .Should()
            .ContainSingle()
            .Which.Should()
            .BeEquivalentTo(
                new
                {
                    Stable = 3f,
                    DesiredPods = 3,
                    ReadyPods = 1,
                }
            );
        deciders
            .Explain(Key)!
            .Value.Steps.Should()
            .BeEquivalentTo(
                new
                {
                    StableWish = 3.0,
                    PanicWish = 3.0,
                    Most = 1000.0,
                    StablePods = 3,
                }
            );
    }

    [Test]
    public void A_revision_at_rest_costs_two_points()
    {
        for (var i = 0; i < 100; i++)
        {
            Record(load: 0);
        }

        var points = _history.Of(Key, _time.GetUtcNow());

        points.Should().HaveCount(2);
        (_time.GetUtcNow() - points![^1].At).Should().Be(TimeSpan.FromSeconds(2));
    }

    [Test]
    public void Keeps_ten_minutes_and_the_value_before_them()
    {
        for (var i = 0; i < 2000; i++)
        {
            Record(i);
        }

        var points = _history.Of(Key, _time.GetUtcNow())!;

        points.Should().HaveCountLessThanOrEqualTo(ScalingHistory.MostPoints).And.HaveCountGreaterThan(280);
        points[^1].Stable.Should().Be(1999);
        points[1].At.Should().BeOnOrAfter(_time.GetUtcNow() - ScalingHistory.Span);
    }

    [Test]
    public void The_number_of_revisions_is_bounded_and_a_deleted_one_makes_room()
    {
        for (var i = 0; i < ScalingHistory.MostRevisions; i++)
        {
            Record(1, new ObjectKey("ns", $"r{i}"));
        }

        Record(1);
        _history.Of(Key, _time.GetUtcNow()).Should().BeNull();
        _history.Remove(new ObjectKey("ns", "r0"));
        Record(1);
        _history.Of(Key, _time.GetUtcNow()).Should().NotBeNull();
    }

    [Test]
    public void Goes_with_the_revision_and_with_the_term()
    {
        var deciders = NewDeciders();
        deciders.EvaluateAll();
        deciders.Remove(Key);
        deciders.HistoryOf(Key).Should().BeNull();

        deciders.Ensure(Key, Spec());
        deciders.EvaluateAll();
        deciders.Clear();
        deciders.HistoryOf(Key).Should().BeNull();
        deciders.Explain(Key).Should().BeNull();
    }

    [Test]
    public void Is_not_kept_unless_asked_for()
    {
        var deciders = new Deciders(this, _ => 1, _time, NullLogger.Instance);
        deciders.Ensure(Key, Spec());
        deciders.EvaluateAll();

        deciders.HistoryOf(Key).Should().BeNull();
        deciders.Explain(Key).Should().NotBeNull("the latest decision costs nothing");
    }

    (double Stable, double Panic)? IMetricSource.Average(ObjectKey key, string metric, DateTimeOffset now) => (_load, _load);

    private Deciders NewDeciders()
    {
        var deciders = new Deciders(this, _ => 1, _time, NullLogger.Instance, _history);
        deciders.Ensure(Key, Spec());
        return deciders;
    }

    private void Record(double load, ObjectKey? key = null)
    {
        _history.Record(key ?? Key, new ScalingDecision { At = _time.GetUtcNow(), Stable = load });
        _time.Advance(Deciders.TickInterval);
    }

    private static DeciderSpec Spec() =>
        new()
        {
            TargetValue = 1,
            TotalValue = 1,
            MaxScaleUpRate = 1000,
            MaxScaleDownRate = 2,
            PanicThreshold = 100,
            StableWindow = TimeSpan.FromSeconds(60),
        };
}
