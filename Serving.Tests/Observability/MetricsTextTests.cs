using FluentAssertions;
using NUnit.Framework;

namespace Serving.Tests.Observability;

/// <summary>The strict reader itself: what it must reject.</summary>
public sealed class MetricsTextTests
{
    [TestCase("# TYPE a counter\na 1\n# EOF\n", "not a sample")]
    [TestCase("# TYPE a_total counter\na_total_total 1\n# EOF\n", "a family with _total")]
    [TestCase("# TYPE a gauge\na 1\n", "no # EOF")]
    [TestCase("# TYPE a gauge\na 1\n# EOF", "no line feed")]
    [TestCase("# TYPE a gauge\na 1\n# EOF\na 2\n", "follows # EOF")]
    [TestCase("# TYPE a gauge\n\na 1\n# EOF\n", "empty line")]
    [TestCase("# TYPE a gauge\na 1\na 1\n# EOF\n", "twice")]
    [TestCase("# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n# TYPE a gauge\na 2\n# EOF\n", "a family appears twice")]
    [TestCase("# TYPE a gauge\n# UNIT a seconds\na 1\n# EOF\n", "does not end with the unit")]
    [TestCase("# TYPE a gauge\na{b=\"c\",} 1\n# EOF\n", "comma")]
    [TestCase("# TYPE a gauge\na{b=\"c\\x\"} 1\n# EOF\n", "escape")]
    [TestCase("# TYPE a gauge\na{b=\"1\",b=\"2\"} 1\n# EOF\n", "label b appears twice")]
    [TestCase("# TYPE a gauge\na 1 # {trace_id=\"1\"} 1\n# EOF\n", "no exemplar here")]
    [TestCase("# TYPE a counter\na_total -1\n# EOF\n", "negative")]
    [TestCase("# TYPE a gauge\na one\n# EOF\n", "no number")]
    [TestCase("# HELP a A \"b\"\n# TYPE a gauge\na 1\n# EOF\n", "quote")]
    [TestCase("# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n# EOF\n", "canonical")]
    [TestCase("# TYPE h histogram\nh_bucket{le=\"1.0\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n# EOF\n", "cumulative")]
    [TestCase("# TYPE h histogram\nh_bucket{le=\"1.0\"} 1\nh_sum 1\nh_count 1\n# EOF\n", "+Inf")]
    [TestCase("# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 2\n# EOF\n", "count")]
    [TestCase("# TYPE h histogram\nh_bucket{le=\"1.0\"} 1 # {a=\"b\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n# EOF\n", "above")]
    public void Rejects(string text, string reason) =>
        FluentActions
            .Invoking(() => MetricsText.Read(text, openMetrics: true))
            .Should()
            .Throw<FormatException>()
            .WithMessage($"*{reason}*");

    [Test]
    public void Accepts_the_example_of_the_specification()
    {
        var read = MetricsText.Read(
            """
            # TYPE acme_http_router_request_seconds histogram
            # UNIT acme_http_router_request_seconds seconds
            # HELP acme_http_router_request_seconds Latency though all of ACME's HTTP request router.
            acme_http_router_request_seconds_bucket{path="/api/v1",le="1.0"} 3 # {trace_id="KOO5S4vxi0o"} 0.67
            acme_http_router_request_seconds_bucket{path="/api/v1",le="+Inf"} 8 # {trace_id="oHg5SJYRHA0"} 9.8 1520879607.789
            acme_http_router_request_seconds_sum{path="/api/v1"} 9036.32
            acme_http_router_request_seconds_count{path="/api/v1"} 8
            # TYPE go_goroutines gauge
            # HELP go_goroutines Number of goroutines that currently exist.
            go_goroutines 69
            # TYPE process_cpu_seconds counter
            # UNIT process_cpu_seconds seconds
            process_cpu_seconds_total 4.20072246e+06
            # EOF

            """.ReplaceLineEndings("\n"),
            openMetrics: true
        );

        read.Samples.Should().HaveCount(6);
        read.Exemplars.Should().HaveCount(2);
    }
}
