using FluentAssertions;
using NUnit.Framework;
using Serving.Concurrency;
using Serving.Tests.Support;

namespace Serving.Tests.Concurrency;

public sealed class BackgroundTimerTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Test]
    public void A_callback_that_fails_is_reported_and_runs_again()
    {
        var time = new ManualTimeProvider();
        using var failures = new ReportedFailures();
        var turns = 0;
        using var timer = BackgroundTimer.Every(
            time,
            "Counting turns",
            Second,
            () => throw new InvalidOperationException($"turn {++turns}")
        );

        time.Advance(2 * Second);

        failures.Of("Counting turns").Should().Equal("turn 1", "turn 2");
    }

    [Test]
    public void A_periodic_callback_never_runs_twice_at_once()
    {
        var time = new ManualTimeProvider();
        var (running, most, turns) = (0, 0, 0);
        using var timer = BackgroundTimer.Every(
            time,
            "A slow turn",
            Second,
            () =>
            {
                most = Math.Max(most, ++running);

                // Slower than the period: the timer fires while this runs.
                if (turns++ == 0)
                    time.Advance(3 * Second);
                running--;
            }
        );

        time.Advance(Second);
        turns.Should().Be(1, "the turns that a slow one was late for are skipped");
        time.Advance(10 * Second);

        turns.Should().BeGreaterThan(1, "later ones run");
        most.Should().Be(1);
    }

    [Test]
    public void A_timer_that_is_armed_by_its_own_callback_runs_again_at_once()
    {
        var time = new ManualTimeProvider();
        var turns = 0;
        BackgroundTimer? timer = null;
        using var armed = timer = BackgroundTimer.Once(
            time,
            "A turn",
            () =>
            {
                if (++turns == 1)
                    timer!.Arm(TimeSpan.Zero);
            }
        );

        timer.Arm(Second);
        time.Advance(Second);

        turns.Should().Be(2, "what another asks for while the callback runs must not be lost");
    }

    [Test]
    public void A_timer_that_is_disposed_can_be_armed_and_does_nothing()
    {
        var time = new ManualTimeProvider();
        var timer = BackgroundTimer.Once(time, "A turn", () => Assert.Fail("it was disposed"));

        timer.Dispose();

        timer.Invoking(disposed => disposed.Arm(TimeSpan.Zero)).Should().NotThrow();
    }
}
