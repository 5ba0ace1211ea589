using System.Diagnostics;
using System.Globalization;
using Serving.Benchmarks.Report.Model;

namespace Serving.Benchmarks.Processes;

/// <summary>Runs wrk: as many requests as the connections carry, each connection with one at a time.</summary>
internal static class Wrk
{
    /// <summary>Its path; null when it is not installed.</summary>
    public static string? Path { get; } = Programs.Find("wrk");

    /// <summary>Puts a server under load.</summary>
    /// <param name="target">The server.</param>
    /// <param name="host">The Host header.</param>
    /// <param name="connections">The number of connections, kept open.</param>
    /// <param name="duration">In whole seconds, at least one.</param>
    /// <exception cref="InvalidOperationException">wrk failed, or is not installed.</exception>
    public static async Task<WrkOutput> RunAsync(Uri target, string host, int connections, TimeSpan duration)
    {
        string[] arguments =
        [
            "-t1",
            string.Create(CultureInfo.InvariantCulture, $"-c{connections}"),
            string.Create(CultureInfo.InvariantCulture, $"-d{Math.Max(1, duration.TotalSeconds):0}s"),
            "--latency",
            "-H",
            $"Host: {host}",
            target.AbsoluteUri,
        ];
        using var process = Process.Start(
            new ProcessStartInfo(Path ?? throw new InvalidOperationException("wrk is not on the PATH."), arguments)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }
        )!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? WrkOutput.Parse(await output)
            : throw new InvalidOperationException($"wrk {target} ended with {process.ExitCode}: {await error}");
    }
}
