using System.Globalization;
using System.Text;

namespace Serving.Benchmarks.Telemetry;

/// <summary>What telemetry costs: the medians of each mode over the rounds, and all samples.</summary>
/// <param name="Connections">The connections of the load.</param>
/// <param name="Modes">The modes; the first is the baseline.</param>
internal sealed record TelemetryReport(int Connections, IReadOnlyList<TelemetryReport.Row> Modes)
{
    /// <summary>As a table.</summary>
    public string ToMarkdown()
    {
        var text = new StringBuilder("| telemetry | requests/s | gateway µs CPU/request | sidecar µs CPU/request |\n|---|---|---|---|\n");
        var off = Modes[0].Median;
        foreach (var (mode, median, _) in Modes)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"| {mode} | {median.RequestsPerSecond:0} | {Cost(median.HostMicroseconds, off.HostMicroseconds)} | {Cost(median.SidecarMicroseconds, off.SidecarMicroseconds)} |\n"
            );
        }

        return text.ToString();
    }

    /// <summary>Makes the row of a mode.</summary>
    public static Row Of(string mode, IReadOnlyList<TelemetrySample> samples) =>
        new(
            mode,
            new TelemetrySample(
                Median(samples, static one => one.RequestsPerSecond),
                Median(samples, static one => one.HostMicroseconds),
                Median(samples, static one => one.SidecarMicroseconds)
            ),
            samples
        );

    private static string Cost(double value, double off) =>
        string.Create(CultureInfo.InvariantCulture, $"{value:0.0} ({(off > 0 ? (value / off) - 1 : 0):+0 %;-0 %;0 %})");

    private static double Median(IReadOnlyList<TelemetrySample> samples, Func<TelemetrySample, double> value) =>
        samples.Select(value).Order().ElementAt(samples.Count / 2);

    /// <summary>A mode.</summary>
    /// <param name="Mode">Its name.</param>
    /// <param name="Median">The medians of its samples.</param>
    /// <param name="Samples">One per round.</param>
    internal sealed record Row(string Mode, TelemetrySample Median, IReadOnlyList<TelemetrySample> Samples);
}
