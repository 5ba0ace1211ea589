using System.Globalization;
using Serving.Benchmarks.Load;
using Serving.Benchmarks.Report.Model;

namespace Serving.Benchmarks.Processes;

/// <summary>wrk: HTTP/1.1 in clear text, each connection with one request at a time.</summary>
/// <param name="Target">The server.</param>
/// <param name="Host">The Host header.</param>
internal sealed record Wrk(Uri Target, string Host) : IClosedLoad
{
    private const string Name = "wrk";

    /// <summary>The number of connections, kept open.</summary>
    public const int Connections = 32;

    /// <summary>Whether it is installed.</summary>
    public static bool IsInstalled { get; } = Programs.Find(Name) is not null;

    /// <inheritdoc/>
    public async Task<LoadSummary> RunAsync(TimeSpan duration) =>
        WrkOutput.Parse(
            await Programs.RunAsync(
                Name,
                [
                    "-t1",
                    string.Create(CultureInfo.InvariantCulture, $"-c{Connections}"),
                    string.Create(CultureInfo.InvariantCulture, $"-d{Math.Max(1, duration.TotalSeconds):0}s"),
                    "--latency",
                    "-H",
                    $"Host: {Host}",
                    Target.AbsoluteUri,
                ],
                duration + IClosedLoad.EndLimit
            )
        );
}
