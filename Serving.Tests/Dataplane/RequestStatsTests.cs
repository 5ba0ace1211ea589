using FluentAssertions;
using NUnit.Framework;
using Serving.Dataplane.Statistics;
using Serving.Tests.Support;

namespace Serving.Tests.Dataplane;

[TestFixture]
public sealed class RequestStatsTests
{
    private readonly ManualTimeProvider _time = new();

    [Test]
    public void Two_requests_of_half_a_second_average_to_one()
    {
        var stats = new RequestStats(_time);
        stats.Begin(proxied: false);
        stats.Begin(proxied: false);
        _time.Advance(TimeSpan.FromSeconds(0.5));
        stats.End(proxied: false);
        stats.End(proxied: false);
        _time.Advance(TimeSpan.FromSeconds(0.5));

        stats.Report().Should().Be(new RequestStatsReport(1, 0, 2, 0));
    }

    [Test]
    public void Requests_in_flight_are_carried_over_to_the_next_report_but_counted_once()
    {
        var stats = new RequestStats(_time);
        stats.Begin(proxied: false);
        _time.Advance(TimeSpan.FromSeconds(1));
        stats.Report().Should().Be(new RequestStatsReport(1, 0, 1, 0));
        _time.Advance(TimeSpan.FromSeconds(1));
        stats.Report().Should().Be(new RequestStatsReport(1, 0, 0, 0));
    }

    [Test]
    public void Proxied_requests_count_as_both()
    {
        var stats = new RequestStats(_time);
        stats.Begin(proxied: true);
        stats.Begin(proxied: false);
        _time.Advance(TimeSpan.FromSeconds(1));
        stats.End(proxied: true);
        _time.Advance(TimeSpan.FromSeconds(1));

        stats.Report().Should().Be(new RequestStatsReport(1.5, 0.5, 2, 1));
    }

    [Test]
    public void Reports_nothing_when_no_time_has_passed() => new RequestStats(_time).Report().Should().Be(default(RequestStatsReport));
}
