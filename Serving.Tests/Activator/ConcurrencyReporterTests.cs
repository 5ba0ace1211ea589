using FluentAssertions;
using NUnit.Framework;
using Serving.Activator.Statistics;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes;

namespace Serving.Tests.Activator;

public sealed class ConcurrencyReporterTests : IRequestStatSink
{
    private static readonly ObjectKey Revision = new("ns", "rev");

    private readonly Lock _gate = new();
    private double _requests;
    private double _least;

    [SetUp]
    public void Forget() => (_requests, _least) = (0, 0);

    public void Report(string ns, string revision, in Stat stat)
    {
        lock (_gate)
        {
            _requests += stat.RequestCount;
            _least = Math.Min(_least, Math.Min(stat.RequestCount, stat.AverageConcurrentRequests));
        }
    }

    [Test]
    public void A_report_between_the_steps_of_a_first_request_counts_it_once()
    {
        // The clock is read at each step, so a report is due at each of them.
        var time = new InterruptingTime();
        var reporter = new ConcurrencyReporter("a", this, time);
        time.Interrupt = reporter.Report;
        var counter = reporter.Begin(Revision);
        time.Interrupt = null;
        ConcurrencyReporter.End(counter);
        reporter.Report();
        _least.Should().Be(0);
        _requests.Should().Be(1);
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task No_report_is_negative_and_no_request_is_lost_whatever_happens_at_once(CancellationToken cancellation)
    {
        const int Rounds = 20_000;
        var reporter = new ConcurrencyReporter("a", this, TimeProvider.System);
        var clients = Enumerable
            .Range(0, 3)
            .Select(_ =>
                Task.Run(
                    () =>
                    {
                        for (var i = 0; i < Rounds; i++)
                            ConcurrencyReporter.End(reporter.Begin(Revision));
                    },
                    cancellation
                )
            )
            .ToList();
        var all = Task.WhenAll(clients);
        while (!all.IsCompleted)
            reporter.Report();
        await all;
        reporter.Report();
        _least.Should().Be(0);
        _requests.Should().Be(3 * Rounds);
    }

    private sealed class InterruptingTime : TimeProvider
    {
        private bool _isInterrupting;

        public Action? Interrupt { get; set; }

        public override long GetTimestamp()
        {
            if (Interrupt is { } interrupt && !_isInterrupting)
            {
                _isInterrupting = true;
                interrupt();
                _isInterrupting = false;
            }

            return base.GetTimestamp();
        }
    }
}
