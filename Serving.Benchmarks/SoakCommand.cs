using System.Globalization;
using System.Text.Json;
using Serving.Benchmarks.Processes;
using Serving.Benchmarks.Soak;

namespace Serving.Benchmarks;

/// <summary><c>soak HOST.dll [SECONDS] [HEAP-MiB]</c>: starts a local cluster with a bounded heap, runs a soak test, and writes the report
/// as JSON.</summary>
internal static class SoakCommand
{
    private const int Rate = 200;
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Runs the command; returns 0 when no good request failed.</summary>
    public static async Task<int> RunAsync(string host, int seconds, int heapMebibytes)
    {
        await using var measured = await MeasuredHost.StartAsync(
            host,
            SoakManifest.Yaml,
            [SoakManifest.Good, SoakManifest.Busy],
            ("DOTNET_GCHeapHardLimit", "0x" + (heapMebibytes * 1048576L).ToString("x", CultureInfo.InvariantCulture))
        );
        var report = await new SoakRun(
            measured.Gateway,
            SoakManifest.Good,
            kinds => new HostileProcess(measured.Gateway, SoakManifest.Good, SoakManifest.Busy, kinds),
            measured.Process.Id
        ).RunAsync(Rate, TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(seconds), TimeSpan.FromSeconds(seconds / 2.0));
        Console.WriteLine(JsonSerializer.Serialize(report, Indented));
        return report.Failed == 0 && !measured.Process.HasExited ? 0 : 1;
    }
}
