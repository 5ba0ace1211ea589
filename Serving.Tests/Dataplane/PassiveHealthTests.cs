using FluentAssertions;
using NUnit.Framework;
using Serving.Dataplane.Upstreams;
using Serving.Tests.Support;

namespace Serving.Tests.Dataplane;

[TestFixture]
public sealed class PassiveHealthTests
{
    private ManualTimeProvider _time = null!;
    private PassiveHealth _health = null!;

    [SetUp]
    public void Create() => _health = new PassiveHealth(_time = new ManualTimeProvider());

    [TestCase(UpstreamResult.NotConnected)]
    [TestCase(UpstreamResult.Unsent)]
    [TestCase(UpstreamResult.Lost)]
    [TestCase(UpstreamResult.Failed)]
    public void Avoids_what_failed_for_a_second(UpstreamResult result)
    {
        _health.End(_health.Begin(), result);

        _health.Avoided.Should().BeTrue();
        _time.Advance(TimeSpan.FromSeconds(1));
        _health.Avoided.Should().BeFalse();
    }

    [TestCase(UpstreamResult.Done)]
    [TestCase(UpstreamResult.BadRequest)]
    [TestCase(UpstreamResult.Canceled)]
    public void Holds_nothing_against_it_that_is_not_its_fault(UpstreamResult result)
    {
        _health.End(_health.Begin(), result);

        _health.Avoided.Should().BeFalse();
    }

    [Test]
    public void Lets_one_request_at_a_time_try_it_again_and_waits_longer_each_time()
    {
        _health.End(_health.Begin(), UpstreamResult.Unsent);
        foreach (var rest in new[] { 2, 4, 8, 16, 30, 30 })
        {
            _time.Advance(TimeSpan.FromSeconds(30));
            var trial = _health.Begin();
            _health.Avoided.Should().BeTrue("one is under way");
            _health.End(trial, UpstreamResult.NotConnected);
            _time.Advance(TimeSpan.FromSeconds(rest) - TimeSpan.FromMilliseconds(1));
            _health.Avoided.Should().BeTrue();
            _time.Advance(TimeSpan.FromMilliseconds(1));
            _health.Avoided.Should().BeFalse();
        }
    }

    [Test]
    public void Counts_requests_that_failed_together_once()
    {
        for (var i = 0; i < 10; i++)
            _health.End(_health.Begin(), UpstreamResult.Unsent);

        _time.Advance(TimeSpan.FromSeconds(1));
        _health.Avoided.Should().BeFalse();
    }

    [Test]
    public void Trusts_it_again_after_a_trial_that_succeeds_but_not_after_what_began_before_the_failure()
    {
        var before = _health.Begin();
        _health.End(_health.Begin(), UpstreamResult.Unsent);
        _health.End(before, UpstreamResult.Done);
        _health.Avoided.Should().BeTrue();

        _time.Advance(TimeSpan.FromSeconds(1));
        _health.End(_health.Begin(), UpstreamResult.Done);
        _health.Begin().Should().BeFalse("it is not in doubt any more");
        _health.Avoided.Should().BeFalse();
    }

    [Test]
    public void Ends_a_trial_that_was_cancelled_without_a_verdict()
    {
        _health.End(_health.Begin(), UpstreamResult.Unsent);
        _time.Advance(TimeSpan.FromSeconds(1));
        _health.End(_health.Begin(), UpstreamResult.Canceled);

        _health.Avoided.Should().BeFalse();
        _health.Begin().Should().BeTrue();
    }
}
