using System.Runtime.InteropServices;
using System.Text.Json;
using Serving.Benchmarks.Report.Model;

namespace Serving.Benchmarks.Report;

/// <summary>The files of a report in a directory: benchmarks.md, benchmarks.json and the pictures.</summary>
/// <param name="directory">The directory.</param>
internal sealed class ReportFiles(string directory)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private string JsonPath => Path.Combine(directory, "benchmarks.json");

    /// <summary>The report that is there; null when there is none.</summary>
    public BenchmarkReport? Read() =>
        File.Exists(JsonPath) ? JsonSerializer.Deserialize<BenchmarkReport>(File.ReadAllText(JsonPath), Json) : null;

    /// <summary>Writes a report in place of the one that is there.</summary>
    public void Write(BenchmarkReport report, IReadOnlyList<ScenarioText> scenarios)
    {
        Directory.CreateDirectory(directory);
        File.WriteAllText(JsonPath, JsonSerializer.Serialize(report, Json) + "\n");
        Render(scenarios);
    }

    /// <summary>Writes document and pictures from the JSON that is there; other pictures are deleted. Without JSON the document says
    /// that nothing is measured yet.</summary>
    public void Render(IReadOnlyList<ScenarioText> scenarios)
    {
        var report = Read();
        var images = Directory.CreateDirectory(Path.Combine(directory, MarkdownReport.Images));
        var plots = (report?.Results ?? []).SelectMany(static result => result.Plots).ToList();
        foreach (var plot in plots)
            PlotRenderer.Save(plot, Path.Combine(images.FullName, plot.File + ".png"));
        foreach (var file in images.EnumerateFiles("*.png"))
        {
            if (plots.All(plot => plot.File + ".png" != file.Name))
                file.Delete();
        }

        File.WriteAllText(Path.Combine(directory, "benchmarks.md"), MarkdownReport.Document(report, scenarios));
    }

    /// <summary>This machine.</summary>
    public static Machine ThisMachine() =>
        Machine.Of(
            File.ReadAllText("/proc/cpuinfo"),
            File.ReadAllText("/proc/meminfo"),
            Environment.ProcessorCount,
            $"Linux {File.ReadAllText("/proc/sys/kernel/osrelease").Trim()}",
            RuntimeInformation.FrameworkDescription
        );
}
