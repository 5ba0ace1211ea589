using System.Globalization;
using System.Text;
using Serving.Benchmarks.Report.Model;

namespace Serving.Benchmarks.Telemetry;

/// <summary>What telemetry costs: the samples of each mode, one per round.</summary>
/// <param name="Connections">The connections of the load.</param>
/// <param name="Modes">The modes; the first is the baseline.</param>
internal sealed record TelemetryReport(int Connections, IReadOnlyList<TelemetryReport.Row> Modes)
{
    /// <summary>As a table of medians, with what they cost: the median of the quotients with the baseline of the same round.</summary>
    public string ToMarkdown()
    {
        var text = new StringBuilder(
            "| telemetry | requests/s | gateway, µs of CPU a request | sidecar, µs of CPU a request |\n|---|---|---|---|\n"
        );
        foreach (var row in Modes)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"| {row.Mode} | {Spread.Of(Values(row, Rate)).Median:#,0} | {Cost(row, Host)} | {Cost(row, Sidecar)} |\n"
            );
        }

        return text.ToString();
    }

    private static double Rate(TelemetrySample sample) => sample.RequestsPerSecond;

    private static double Host(TelemetrySample sample) => sample.HostMicroseconds;

    private static double Sidecar(TelemetrySample sample) => sample.SidecarMicroseconds;

    private static double[] Values(Row row, Func<TelemetrySample, double> value) => [.. row.Samples.Select(value)];

    private string Cost(Row row, Func<TelemetrySample, double> value)
    {
        var own = Values(row, value);
        var cost = row == Modes[0] ? "" : $" ({Spread.OfRatios(own, Values(Modes[0], value)).Median - 1:+0 %;-0 %;0 %})";
        return string.Create(CultureInfo.InvariantCulture, $"{Spread.Of(own).Median:0.0}{cost}");
    }

    /// <summary>A mode.</summary>
    /// <param name="Mode">Its name.</param>
    /// <param name="Samples">One per round.</param>
    internal sealed record Row(string Mode, IReadOnlyList<TelemetrySample> Samples);
}
