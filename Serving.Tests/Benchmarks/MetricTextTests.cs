using FluentAssertions;
using NUnit.Framework;
using Serving.Benchmarks.Report.Model;

namespace Serving.Tests.Benchmarks;

[TestFixture]
public sealed class MetricTextTests
{
    [Test]
    public void Samples_of_a_name_are_added_up_by_a_label()
    {
        const string Scrape = """
            # TYPE phase_seconds histogram
            phase_seconds_sum{phase="ready",otel_scope_name="a"} 1.5
            phase_seconds_sum{phase="ready",otel_scope_name="b"} 2 1700000000000
            phase_seconds_sum{phase="decide"} 0.25
            phase_seconds_count{phase="ready"} 7
            phase_seconds_sum 4
            """;

        MetricText
            .Sums(Scrape, "phase_seconds_sum", "phase")
            .Should()
            .BeEquivalentTo(
                new Dictionary<string, double>
                {
                    ["ready"] = 3.5,
                    ["decide"] = 0.25,
                    [""] = 4,
                }
            );
    }

    [Test]
    public void The_machine_is_read_from_proc()
    {
        var machine = Machine.Of(
            "processor\t: 0\nmodel name\t: Some CPU @ 2.00GHz\nprocessor\t: 1\nmodel name\t: Some CPU @ 2.00GHz\n",
            "MemTotal:       2097152 kB\nMemAvailable:   1048576 kB\n",
            2,
            "Linux 6.1",
            ".NET 10.0.0"
        );

        machine.Should().Be(new Machine("Some CPU @ 2.00GHz", 2, 2048, "Linux 6.1", ".NET 10.0.0"));
        Machine.Kibibytes("MemAvailable:   1048576 kB\n", "MemAvailable").Should().Be(1_048_576);
        Machine.LoadAverage("34.95 23.08 15.64 3/1234 5678\n").Should().Be(34.95);
    }

    [Test]
    public void A_processor_without_a_model_name_is_unknown() =>
        Machine.Of("CPU implementer : 0x41\n", "", 4, "", "").Should().Be(new Machine("unknown", 4, 0, "", ""));
}
