using FluentAssertions;
using NUnit.Framework;
using Serving.Kubernetes.Hosting;
using Serving.Tests.Support;

namespace Serving.Tests.Kubernetes.Hosting;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class HeartbeatTests
{
    private readonly ManualTimeProvider _time = new();
    private readonly Heartbeat _heartbeat;

    public HeartbeatTests() => _heartbeat = new Heartbeat("the loop", TimeSpan.FromSeconds(30), _time);

    [Test]
    public void A_loop_that_rests_is_never_stuck()
    {
        _heartbeat.Beat();
        _heartbeat.Idle();
        _time.Advance(TimeSpan.FromDays(1));

        _heartbeat.StuckReason.Should().BeNull();
    }

    [Test]
    public void A_loop_that_does_not_turn_in_time_is_stuck_until_it_does()
    {
        _heartbeat.Beat();
        _time.Advance(TimeSpan.FromSeconds(30));
        _heartbeat.StuckReason.Should().BeNull();

        _time.Advance(TimeSpan.FromSeconds(1));
        _heartbeat.StuckReason.Should().Be("the loop has made no progress for 31 s");

        _heartbeat.Beat();
        _heartbeat.StuckReason.Should().BeNull();
    }
}
