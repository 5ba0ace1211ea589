using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Autoscaling;
using Serving.Autoscaler.Collection;

namespace Serving.Tests.Autoscaler;

public sealed class MetricCollectionTests
{
    [Test]
    public void One_scrape_is_under_way_at_a_time_whoever_asks()
    {
        var collection = new MetricCollection(new Metric());
        var begun = 0;

        Parallel.For(
            0,
            1000,
            _ =>
            {
                if (collection.TryBeginScrape())
                    Interlocked.Increment(ref begun);
            }
        );

        begun.Should().Be(1);
        collection.EndScrape();
        collection.TryBeginScrape().Should().BeTrue("the next turn scrapes again");
        collection.TryBeginScrape().Should().BeFalse();
    }
}
