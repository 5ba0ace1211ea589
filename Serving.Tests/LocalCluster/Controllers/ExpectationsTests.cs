using FluentAssertions;
using NUnit.Framework;
using Serving.Kubernetes;
using Serving.LocalCluster.Controllers.ReplicaSets;
using Serving.Tests.Support;

namespace Serving.Tests.LocalCluster.Controllers;

public sealed class ExpectationsTests
{
    private static readonly ObjectKey Pod = new("ns", "p");

    [Test]
    public void They_are_met_when_every_pod_was_seen()
    {
        var expectations = new Expectations(new ManualTimeProvider());
        expectations.Met("set").Should().BeTrue();

        expectations.ExpectCreate("set", Pod);
        expectations.ExpectDelete("set", Pod);
        expectations.Met("set").Should().BeFalse();
        expectations.Met("other").Should().BeTrue();

        expectations.Created("set", Pod);
        expectations.Met("set").Should().BeFalse();
        expectations.Deleted("set", Pod);
        expectations.Met("set").Should().BeTrue();
    }

    [Test]
    public void A_missing_event_is_waited_for_with_patience_but_not_for_ever()
    {
        var time = new ManualTimeProvider();
        var expectations = new Expectations(time);
        expectations.ExpectCreate("set", Pod);

        time.Advance(Expectations.ExpiresAfter - TimeSpan.FromSeconds(1));
        expectations.Met("set").Should().BeFalse();
        time.Advance(TimeSpan.FromSeconds(1));
        expectations.Met("set").Should().BeTrue();
    }

    [Test]
    public void What_was_expected_for_a_set_that_is_gone_is_not_kept_for_ever()
    {
        var time = new ManualTimeProvider();
        var expectations = new Expectations(time);
        for (var i = 0; i < 10_000; i++)
        {
            expectations.ExpectDelete($"set-{i}", Pod);
            time.Advance(TimeSpan.FromSeconds(1));
        }

        expectations.Count.Should().BeLessThan(1000);
    }
}
