using FluentAssertions;
using NUnit.Framework;
using Serving.Autoscaler.Scaling;

namespace Serving.Tests.Autoscaler;

public sealed class DeciderTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly DeciderSpec Spec = new()
    {
        TargetValue = 10,
        TotalValue = 1000.0 / 7,
        MaxScaleUpRate = 10,
        MaxScaleDownRate = 10,
        PanicThreshold = 2,
        TargetBurstCapacity = 101,
        ActivatorCapacity = 100,
        StableWindow = TimeSpan.FromSeconds(60),
    };

    [TestCase(50, 1, 5, Description = "stable: 50 / 10")]
    [TestCase(0, 1, 0, Description = "nothing to do")]
    [TestCase(0.1, 1, 1, Description = "something to do")]
    public void Wants_as_many_pods_as_the_target_says(double stable, double panic, int desired) =>
        Decide(Spec, 1, stable, panic, ready: 1).DesiredPods.Should().Be(desired);

    [Test]
    public void Scales_up_by_the_rate_at_most() => Decide(Spec, 1, 1000, 1000, ready: 1).DesiredPods.Should().Be(10);

    [Test]
    public void A_small_rate_still_lets_it_grow_by_one() =>
        Decide(Spec with { MaxScaleUpRate = 1.1, TargetValue = 1 }, 0, 3, 3, ready: 2).DesiredPods.Should().Be(3);

    [Test]
    public void Scales_down_by_the_rate_at_most_while_reachable()
    {
        Decide(Spec, 0, 1, 1, ready: 100).DesiredPods.Should().Be(10);
        Decide(Spec with { Reachable = false }, 0, 1, 1, ready: 100).DesiredPods.Should().Be(1);
    }

    [Test]
    public void Panics_at_the_threshold_and_never_scales_down_until_a_stable_window_has_passed()
    {
        var decider = new Decider(Spec, 1, Start, TimeSpan.FromSeconds(2));
        decider.Decide(Start, 10, 100, 1).DesiredPods.Should().Be(10);
        decider.IsPanicking.Should().BeTrue();
        decider.Decide(At(30), 10, 20, 10).DesiredPods.Should().Be(10);
        decider.Decide(At(60), 10, 20, 10).DesiredPods.Should().Be(10);
        decider.Decide(At(61), 10, 20, 10).DesiredPods.Should().Be(1);
        decider.IsPanicking.Should().BeFalse();
    }

    [Test]
    public void Begins_in_panic_when_pods_are_there_so_that_a_restart_takes_none_away()
    {
        var decider = new Decider(Spec, 8, Start, TimeSpan.FromSeconds(2));
        decider.Decide(At(2), 10, 10, 8).DesiredPods.Should().Be(8);
        decider.Decide(At(61), 10, 10, 8).DesiredPods.Should().Be(1);
    }

    [Test]
    public void In_panic_the_stable_wish_counts_when_it_is_larger()
    {
        var decider = new Decider(Spec, 2, Start, TimeSpan.FromSeconds(2));
        decider.Decide(At(2), 100, 10, 2).DesiredPods.Should().Be(10);
    }

    [TestCase(0, 1, 0)]
    [TestCase(1, 1, 5)]
    [TestCase(100, 100, 10)]
    public void The_activation_scale_lifts_what_is_not_zero(double stable, double panic, int desired) =>
        Decide(Spec with { ActivationScale = 5, PanicThreshold = 1000 }, 0, stable, panic, ready: 1).DesiredPods.Should().Be(desired);

    [Test]
    public void Delays_scaling_down_but_not_up()
    {
        var decider = new Decider(
            Spec with
            {
                ScaleDownDelay = TimeSpan.FromSeconds(6),
                PanicThreshold = 1000,
            },
            0,
            Start,
            TimeSpan.FromSeconds(2)
        );
        decider.Decide(At(0), 40, 40, 4).DesiredPods.Should().Be(4);
        decider.Decide(At(2), 0, 0, 4).DesiredPods.Should().Be(4);
        decider.Decide(At(4), 60, 60, 4).DesiredPods.Should().Be(6);
        decider.Decide(At(6), 0, 0, 4).DesiredPods.Should().Be(6);
        decider.Decide(At(10), 0, 0, 4).DesiredPods.Should().Be(0);
    }

    [Test]
    public void The_initial_scale_is_kept_for_the_scale_down_delay()
    {
        var spec = Spec with { ScaleDownDelay = TimeSpan.FromSeconds(6), PanicThreshold = 1000, InitialScale = 3, IsInitializing = true };
        var decider = new Decider(spec, 0, Start, TimeSpan.FromSeconds(2));
        decider.Update(spec with { IsInitializing = false }, At(10));
        decider.Decide(At(10), 0, 0, 3).DesiredPods.Should().Be(3);
        decider.Decide(At(14), 0, 0, 3).DesiredPods.Should().Be(3);
        decider.Decide(At(16), 0, 0, 3).DesiredPods.Should().Be(0);
    }

    [Test]
    public void A_revision_that_had_its_initial_scale_before_a_restart_does_not_get_it_again()
    {
        var spec = Spec with { ScaleDownDelay = TimeSpan.FromSeconds(6), PanicThreshold = 1000, InitialScale = 3 };
        var decider = new Decider(spec, 1, Start, TimeSpan.FromSeconds(2));
        decider.Update(spec with { InitialScale = 5 }, At(2));
        decider.Decide(At(4), 0, 0, 1).DesiredPods.Should().Be(0);
    }

    [TestCase(-1, 5, -1)]
    [TestCase(0, 5, 0)]
    [TestCase(101, 1, 11, Description = "floor(142.857 - 101 - 30)")]
    [TestCase(101, 0, -131)]
    public void Tells_the_excess_burst_capacity(double burst, int ready, int excess) =>
        Decide(Spec with { TargetBurstCapacity = burst }, 0, 30, 30, ready).ExcessBurstCapacity.Should().Be(excess);

    private static Decision Decide(DeciderSpec spec, int before, double stable, double panic, int ready) =>
        new Decider(spec, before, Start, TimeSpan.FromSeconds(2)).Decide(Start, stable, panic, ready);

    private static DateTimeOffset At(double seconds) => Start + TimeSpan.FromSeconds(seconds);
}
