using FluentAssertions;
using NUnit.Framework;
using Serving.Benchmarks.Report.Model;

namespace Serving.Tests.Benchmarks;

[TestFixture]
public sealed class ReportArgumentsTests
{
    private static readonly string[] Scenarios = ["gateway", "services"];

    [Test]
    public void A_report_runs_all_scenarios_and_writes_to_docs()
    {
        var parsed = ReportArguments.Parse("report", ["a/Host.dll"], Scenarios);

        parsed.Host.Should().Be("a/Host.dll");
        parsed.Only.Should().Equal(Scenarios);
        parsed.Output.Should().Be("docs");
        parsed.Short.Should().BeFalse();
    }

    [Test]
    public void A_smoke_test_does_not_replace_figures_in_docs()
    {
        ReportArguments.Parse("report", ["Host.dll", "--short"], Scenarios).Output.Should().Be("artifacts/benchmarks");
        ReportArguments.Parse("report", ["Host.dll", "--output", "x", "--short"], Scenarios).Output.Should().Be("x");
    }

    [Test]
    public void Names_after_only_end_at_the_next_option()
    {
        var parsed = ReportArguments.Parse("report", ["Host.dll", "--only", "services", "gateway", "--rounds", "3"], Scenarios);

        parsed.Only.Should().Equal("services", "gateway");
        parsed.Rounds.Should().Be(3);
    }

    [Test]
    public void A_scenario_is_a_command_and_Services_takes_counts()
    {
        var parsed = ReportArguments.Parse("services", ["Host.dll", "100", "300", "--queue-proxy", "a", "--queue-proxy", "b"], Scenarios);

        parsed.Only.Should().Equal("services");
        parsed.Counts.Should().Equal(100, 300);
        parsed.QueueProxies.Should().Equal("a", "b");
    }

    [TestCase("report")]
    [TestCase("report --short")]
    [TestCase("report Host.dll --only")]
    [TestCase("report Host.dll --only sidecars")]
    [TestCase("report Host.dll --output")]
    [TestCase("report Host.dll --rounds 0")]
    [TestCase("report Host.dll 100")]
    [TestCase("gateway Host.dll --only gateway")]
    [TestCase("gateway Host.dll 100")]
    [TestCase("services Host.dll ten")]
    public void Anything_else_is_rejected_with_the_usage(string line)
    {
        var words = line.Split(' ');

        FluentActions
            .Invoking(() => ReportArguments.Parse(words[0], words[1..], Scenarios))
            .Should()
            .Throw<FormatException>()
            .WithMessage($"{words[0]}: *Usage: {words[0]} HOST.dll*");
    }
}
