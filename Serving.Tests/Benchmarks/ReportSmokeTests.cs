using System.Diagnostics;
using System.Text.Json;
using FluentAssertions;
using NUnit.Framework;
using Serving.Benchmarks.Report.Model;
using Serving.Tests.Support;

namespace Serving.Tests.Benchmarks;

/// <summary>The report in its smallest form: every scenario works. It asserts no figure.</summary>
[TestFixture]
[Category("Slow")]
[Parallelizable]
[CancelAfter(600_000)]
public sealed class ReportSmokeTests
{
    /// <summary>The scenarios whose figures need programs that may not be installed.</summary>
    private static readonly Dictionary<string, string[]> Needed = new()
    {
        ["sidecar"] = ["wrk", "nginx"],
        ["sidecar-metrics"] = ["wrk"],
        ["gateway"] = ["wrk", "nginx"],
        ["gateway-protocols"] = ["h2load", "nginx"],
        ["activator"] = ["wrk"],
    };

    [Test]
    public async Task Every_scenario_that_can_run_has_its_figures_and_plots(CancellationToken cancellation)
    {
        using var process = Process.Start(
            new ProcessStartInfo(
                "dotnet",
                [Program("Serving.Benchmarks"), "report", Program("Serving.Host"), "--short", "--output", Output]
            )
            {
                RedirectStandardError = true,
            }
        )!;
        var error = process.StandardError.ReadToEndAsync(cancellation);
        try
        {
            await process.WaitForExitAsync(cancellation);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }

        process.ExitCode.Should().Be(0, await error);
        var report = JsonSerializer.Deserialize<BenchmarkReport>(
            await File.ReadAllTextAsync(Path.Combine(Output, "benchmarks.json"), cancellation),
            JsonSerializerOptions.Web
        )!;
        report.Short.Should().BeTrue();
        report
            .Results.Select(static result => result.Name)
            .Should()
            .BeEquivalentTo(
                "sidecar",
                "sidecar-metrics",
                "gateway",
                "gateway-protocols",
                "activator",
                "latency",
                "cold-start",
                "ramp",
                "rollout",
                "autoscaler-tick",
                "services",
                "memory"
            );
        var document = await File.ReadAllTextAsync(Path.Combine(Output, "benchmarks.md"), cancellation);
        foreach (var result in report.Results)
        {
            result.Failure.Should().BeNull(result.Name);
            if (Needed.GetValueOrDefault(result.Name, []).All(IsInstalled))
            {
                result.NotMeasured.Should().BeEmpty(result.Name);
                result.Figures.Should().NotBeEmpty(result.Name).And.OnlyContain(static one => double.IsFinite(one.Value.Median));
            }
            else
            {
                result.NotMeasured.Should().NotBeEmpty($"{result.Name} needs a program that is not installed");
            }

            foreach (var plot in result.Plots)
            {
                document.Should().Contain($"({MarkdownReport.Images}/{plot.File}.png)");
                var picture = await File.ReadAllBytesAsync(Path.Combine(Output, MarkdownReport.Images, plot.File + ".png"), cancellation);
                picture.Should().StartWith([0x89, (byte)'P', (byte)'N', (byte)'G']);
            }
        }
    }

    [TearDown]
    public void DeleteOutput()
    {
        if (Directory.Exists(Output))
            Directory.Delete(Output, recursive: true);
    }

    private static string Output { get; } = Path.Combine(Path.GetTempPath(), $"serving-report-{Guid.NewGuid():N}");

    private static bool IsInstalled(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator)
            .Append("/usr/sbin")
            .Any(directory => File.Exists(Path.Combine(directory, program)));

    private static string Program(string project)
    {
        // The tests are built into bin/CONFIGURATION/FRAMEWORK, as the programs are.
        var built = new DirectoryInfo(AppContext.BaseDirectory);
        return Repository.PathOf(project, "bin", built.Parent!.Name, built.Name, project + ".dll");
    }
}
