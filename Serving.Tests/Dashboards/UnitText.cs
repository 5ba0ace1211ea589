using System.Globalization;

namespace Serving.Tests.Dashboards;

/// <summary>Values as Grafana shows them, by the name of their unit.</summary>
internal static class UnitText
{
    /// <summary>The text of a value.</summary>
    public static string Of(double value, string unit) =>
        !double.IsFinite(value)
            ? "–"
            : unit switch
            {
                "percentunit" => Number(value * 100) + "%",
                "s" => Seconds(value),
                "bytes" => Bytes(value),
                "reqps" => Number(value) + " req/s",
                "ops" => Number(value) + " ops/s",
                "bool_yes_no" => value > 0 ? "Yes" : "No",
                "bool_on_off" => value > 0 ? "On" : "Off",
                _ => Number(value),
            };

    private static string Seconds(double value) =>
        Math.Abs(value) switch
        {
            0 => "0 s",
            < 0.001 => Number(value * 1e6) + " µs",
            < 1 => Number(value * 1e3) + " ms",
            < 120 => Number(value) + " s",
            < 7200 => Number(value / 60) + " min",
            < 172800 => Number(value / 3600) + " h",
            _ => Number(value / 86400) + " d",
        };

    private static string Bytes(double value) =>
        Math.Abs(value) switch
        {
            < 1024 => Number(value) + " B",
            < 1048576 => Number(value / 1024) + " KiB",
            < 1073741824 => Number(value / 1048576) + " MiB",
            _ => Number(value / 1073741824) + " GiB",
        };

    private static string Number(double value) =>
        Math.Abs(value) switch
        {
            >= 10000 => (value / 1000).ToString("0.#", CultureInfo.InvariantCulture) + "k",
            >= 100 => value.ToString("0", CultureInfo.InvariantCulture),
            >= 10 => value.ToString("0.#", CultureInfo.InvariantCulture),
            >= 0.1 => value.ToString("0.##", CultureInfo.InvariantCulture),
            0 => "0",
            _ => value.ToString("0.###", CultureInfo.InvariantCulture),
        };
}
