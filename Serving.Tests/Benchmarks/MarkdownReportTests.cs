using FluentAssertions;
using NUnit.Framework;
using Serving.Benchmarks.Report.Model;

namespace Serving.Tests.Benchmarks;

[TestFixture]
public sealed class MarkdownReportTests
{
    private static readonly Machine Machine = new("Some CPU", 2, 24_105, "Linux 6.1", ".NET 10.0.0");
    private static readonly ScenarioText Gateway = new("gateway", "Gateway to pod", "How it is measured.");
    private static readonly ScenarioText Memory = new("memory", "Memory of one host", "How it is measured.");

    private static readonly ScenarioResult Result = new()
    {
        Name = "gateway",
        Figures =
        [
            new Figure("CPU", "×", new Spread(2.345, 2.1, 2.6), new Goal(1.8)),
            new Figure("requests/s", "×", Spread.Once(0.95), new Goal(0.9, AtLeast: true)),
            new Figure("p50", "ms", Spread.Once(1234.5), null),
        ],
        Tables =
        [
            new ResultTable(
                "Medians",
                ["path", "a|b"],
                [
                    ["gateway", "x\ny"],
                ]
            ),
        ],
        Plots = [new PlotSpec("gateway-cpu", PlotKind.Bars, "CPU of each", "", "µs", [new PlotSeries("CPU", [0], [1])], ["gateway"])],
        Notes = ["A note."],
        NotMeasured = ["TLS: no certificate."],
        Began = new DateTimeOffset(2026, 11, 29, 16, 0, 0, TimeSpan.Zero),
        Seconds = 12.5,
        LoadAtStart = 0.1,
        LoadAtEnd = 2.2,
    };

    [Test]
    public void What_misses_its_goal_comes_before_everything_else()
    {
        var text = MarkdownReport.Document(new BenchmarkReport(Machine, false, [Result]), [Gateway, Memory]);

        var summary = text[text.IndexOf("## Worse", StringComparison.Ordinal)..text.IndexOf("## Machine", StringComparison.Ordinal)];
        summary
            .Should()
            .Contain("1 of 2 figures with a goal miss it")
            .And.Contain("| [Gateway to pod](#gateway-to-pod) | CPU | 2.35 (2.1–2.6) × | ≤ 1.8 × |")
            .And.Contain("not measured: TLS: no certificate.")
            .And.Contain("- [Memory of one host](#memory-of-one-host) was not measured.")
            .And.NotContain("requests/s");
        text.Should().Contain("Some CPU, 2 cores, 24,105 MiB, Linux 6.1, .NET 10.0.0.");
        text.Should().Contain("| `gateway` | 2026-11-29 16:00 | 12.5 | 0.1 | 2.2 |");
        text.Should().NotContain("--short`: it shows");
    }

    [Test]
    public void A_link_leads_to_the_anchor_that_GitHub_gives_a_title() =>
        MarkdownReport
            .Document(new BenchmarkReport(Machine, false, []), [new ScenarioText("a", "Gateway to pod, TLS and HTTP/2", "")])
            .Should()
            .Contain("- [Gateway to pod, TLS and HTTP/2](#gateway-to-pod-tls-and-http2) was not measured.");

    [Test]
    public void A_section_has_figures_tables_plots_and_notes()
    {
        var text = MarkdownReport.Section(Gateway, Result);

        text.Should()
            .StartWith("## Gateway to pod\n\nHow it is measured.\n\n")
            .And.Contain("| CPU | 2.35 (2.1–2.6) × | ≤ 1.8 × | **missed** |\n")
            .And.Contain("| requests/s | 0.95 × | ≥ 0.9 × | met |\n")
            .And.Contain("| p50 | 1,235 ms |  |  |\n")
            .And.Contain("Medians:\n\n| path | a\\|b |\n|---|---|\n| gateway | x y |\n")
            .And.Contain("![CPU of each](images/benchmarks/gateway-cpu.png)")
            .And.Contain("A note.");
    }

    [Test]
    public void A_scenario_that_ended_early_says_so_and_keeps_what_it_has()
    {
        var failed = Result with { Failure = "It broke\nin two lines." };

        MarkdownReport.Section(Gateway, failed).Should().Contain("**It ended early:** It broke in two lines.").And.Contain("| CPU |");
        MarkdownReport
            .Document(new BenchmarkReport(Machine, false, [failed]), [Gateway])
            .Should()
            .Contain("- [Gateway to pod](#gateway-to-pod) ended early: It broke in two lines.");
    }

    [Test]
    public void Without_results_and_after_a_smoke_test_the_document_does_not_look_like_figures()
    {
        MarkdownReport.Document(null, [Gateway]).Should().Contain("Not measured yet.").And.NotContain("## Machine");
        MarkdownReport.Document(new BenchmarkReport(Machine, true, [Result]), [Gateway]).Should().Contain("**This was a run of `--short`");
    }

    [Test]
    public void Paragraphs_are_broken_into_lines_of_140()
    {
        var text = MarkdownReport.Section(new ScenarioText("a", "A", string.Join(' ', Enumerable.Repeat("seven77", 100))), null);

        text.Split('\n').Should().OnlyContain(static line => line.Length <= 140);
        text.Split('\n')[2].Should().HaveLength((17 * 8) - 1);
    }

    [Test]
    public void Results_of_an_earlier_run_are_kept_for_what_did_not_run_again_on_the_same_machine()
    {
        var earlier = new BenchmarkReport(Machine, false, [Result with { Seconds = 1 }, Result with { Name = "memory" }]);
        var now = new BenchmarkReport(Machine, false, [Result]);

        now.Over(earlier).Results.Should().Equal(Result, earlier.Results[1]);
        now.Over(earlier with { Machine = Machine with { Cores = 4 } }).Should().Be(now);
        now.Over(earlier with { Short = true }).Should().Be(now);
        now.Over(null).Should().Be(now);
    }
}
