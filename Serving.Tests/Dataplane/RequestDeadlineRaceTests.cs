using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Dataplane.Requests;
using Serving.Tests.Concurrency;
using Serving.Tests.Support;

namespace Serving.Tests.Dataplane;

public sealed class RequestDeadlineRaceTests
{
    private static readonly RequestTimeouts OneSecond = new(TimeSpan.FromSeconds(1), TimeSpan.Zero, TimeSpan.Zero);

    [Test]
    public async Task A_request_may_complete_between_the_end_of_its_time_and_the_cancellation()
    {
        // The timer's two steps, executed manually: the other thread completes the request in between.
        var time = new ClockWithoutTimers();
        var context = Context();
        var deadline = RequestDeadline.Start(context, OneSecond, time);
        time.Now = TimeSpan.FromSeconds(1);

        deadline.TryExpire(out _).Should().BeTrue();
        await deadline.CompleteAsync(whole: false, "request timeout");
        var late = () => deadline.Expire();

        late.Should().NotThrow("on the thread of a timer that would end the process");
        context.Response.StatusCode.Should().Be(StatusCodes.Status504GatewayTimeout);
    }

    [Test]
    public async Task A_timer_that_fires_after_the_request_does_nothing([Values] bool disposed)
    {
        var time = new ClockWithoutTimers();
        var context = Context();
        var deadline = RequestDeadline.Start(context, OneSecond, time);
        if (disposed)
            deadline.Dispose();
        else
            await deadline.CompleteAsync(whole: true, "request timeout");
        time.Now = TimeSpan.FromSeconds(1);

        deadline.TryExpire(out _).Should().BeFalse();
        context.Response.StatusCode.Should().Be(StatusCodes.Status200OK);
    }

    [Test]
    public async Task What_fails_when_time_is_up_does_not_reach_the_timer()
    {
        using var failures = new ReportedFailures();
        var time = new ManualTimeProvider();
        var deadline = RequestDeadline.Start(Context(), OneSecond, time);
        deadline.Token.Register(static () => throw new InvalidOperationException("closing the upstream of this test"));

        var firing = () => time.Advance(TimeSpan.FromSeconds(1));

        firing.Should().NotThrow();
        failures.Of("A cancellation callback").Should().ContainMatch("*closing the upstream of this test*");
        await deadline.CompleteAsync(whole: true, "request timeout");
    }

    [Test]
    public async Task A_request_whose_response_cannot_be_ended_is_over_all_the_same()
    {
        var time = new ClockWithoutTimers();
        var context = new DefaultHttpContext { Response = { Body = new BrokenStream() } };
        var deadline = RequestDeadline.Start(context, OneSecond, time);
        time.Now = TimeSpan.FromSeconds(1);
        deadline.TryExpire(out _).Should().BeTrue();

        await deadline.Awaiting(one => one.CompleteAsync(whole: false, "request timeout").AsTask()).Should().ThrowAsync<IOException>();
        time.Now = TimeSpan.FromMinutes(1);

        deadline.TryExpire(out var cut).Should().BeFalse();
        cut.Should().BeNull("its connection may serve another request now");
    }

    private static DefaultHttpContext Context() => new() { Response = { Body = new MemoryStream() } };

    private sealed class BrokenStream : MemoryStream
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromException(new IOException("broken"));

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            Task.FromException(new IOException("broken"));
    }

    private sealed class ClockWithoutTimers : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => new NoTimer();

        private sealed class NoTimer : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
                // It never fires.
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
