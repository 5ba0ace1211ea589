using FluentAssertions;
using NUnit.Framework;
using Serving.Concurrency;

namespace Serving.Tests.Concurrency;

public sealed class CancellationTests
{
    [Test]
    public void Cancelling_a_source_whose_owner_is_done_does_nothing()
    {
        var source = new CancellationTokenSource();
        source.Dispose();

        source.Invoking(disposed => disposed.CancelSafely()).Should().NotThrow();
    }

    [Test]
    public async Task Cancelling_later_a_source_whose_owner_is_done_does_nothing()
    {
        var source = new CancellationTokenSource();
        source.Dispose();

        await source.Awaiting(disposed => disposed.CancelSafelyAsync()).Should().NotThrowAsync();
    }

    [Test]
    public async Task A_callback_that_fails_is_reported_and_the_others_run([Values] bool later)
    {
        using var failures = new ReportedFailures();
        using var source = new CancellationTokenSource();
        var others = 0;
        source.Token.Register(() => others++);
        source.Token.Register(() => throw new InvalidOperationException("a callback of this test"));
        source.Token.Register(() => others++);

        if (later)
            await source.CancelSafelyAsync();
        else
            source.CancelSafely();

        others.Should().Be(2);
        failures.Of("A cancellation callback").Should().ContainMatch("*a callback of this test*");
    }

    [Test]
    public void Work_that_nobody_awaits_is_reported_when_it_fails()
    {
        using var failures = new ReportedFailures();

        BackgroundFailure.Watch("Work of this test", Task.FromException(new InvalidOperationException("why")));
        BackgroundFailure.Watch("Work of this test", Task.FromCanceled(new CancellationToken(canceled: true)));

        failures.Of("Work of this test").Should().Equal("why");
    }

    [Test]
    public void A_listener_that_fails_does_not_end_who_reports()
    {
        using var listener = BackgroundFailure.Listen(
            (what, _) =>
            {
                if (what == "What fails in this test")
                    throw new InvalidOperationException("the listener");
            }
        );

        var reporting = () => BackgroundFailure.Report("What fails in this test", new InvalidOperationException("why"));

        reporting.Should().NotThrow();
    }
}
