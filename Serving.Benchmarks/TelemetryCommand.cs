using System.Text.Json;
using Serving.Benchmarks.Processes;
using Serving.Benchmarks.Telemetry;

namespace Serving.Benchmarks;

/// <summary><c>telemetry HOST.dll [ROUNDS] [SECONDS]</c>: what telemetry costs at gateway and sidecar. Writes the report as JSON, and a
/// table to standard error.</summary>
internal static class TelemetryCommand
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Runs the command.</summary>
    public static async Task RunAsync(string host, int rounds, int seconds)
    {
        await using var measured = await MeasuredHost.StartAsync(host, TelemetryRun.Manifest, [TelemetryRun.Host]);
        var report = await new TelemetryRun(measured.Client, measured.Gateway, measured.Process.Id).RunAsync(
            rounds,
            TimeSpan.FromSeconds(seconds),
            FreePorts.Next()
        );
        Console.WriteLine(JsonSerializer.Serialize(report, Indented));
        await Console.Error.WriteLineAsync(report.ToMarkdown());
    }
}
