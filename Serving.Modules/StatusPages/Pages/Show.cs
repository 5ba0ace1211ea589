using System.Globalization;

namespace Serving.StatusPages.Pages;

/// <summary>Formats numbers and times for a person, independent of the machine's culture.</summary>
internal static class Show
{
    /// <summary>A number with at most two decimals.</summary>
    public static string Number(double value) =>
        double.IsFinite(value) ? Math.Round(value, 2).ToString("0.##", CultureInfo.InvariantCulture) : "unlimited";

    /// <summary>A count of things: <c>1 pod</c>, <c>2 pods</c>.</summary>
    public static string Count(double value, string thing) => $"{Number(value)} {thing}{(Math.Round(value, 2) is 1 or -1 ? "" : "s")}";

    /// <summary>A duration in its two largest units: <c>2d 3h</c>, <c>1m 5s</c>, <c>0.3s</c>.</summary>
    public static string Duration(TimeSpan value)
    {
        var time = value.Duration();
        var text =
            time.TotalDays >= 1 ? Two((int)time.TotalDays, "d", time.Hours, "h")
            : time.TotalHours >= 1 ? Two((int)time.TotalHours, "h", time.Minutes, "m")
            : time.TotalMinutes >= 1 ? Two((int)time.TotalMinutes, "m", time.Seconds, "s")
            : time.TotalSeconds >= 10 || time == TimeSpan.Zero ? $"{(int)time.TotalSeconds}s"
            : $"{Math.Round(time.TotalSeconds, 1).ToString("0.#", CultureInfo.InvariantCulture)}s";
        return value < TimeSpan.Zero ? "-" + text : text;
    }

    /// <summary>How long ago a time was.</summary>
    public static string Ago(DateTimeOffset time, DateTimeOffset now) =>
        now - time is var age && age < TimeSpan.FromSeconds(1) ? "now" : $"{Duration(age)} ago";

    /// <summary>A time, in UTC.</summary>
    public static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);

    /// <summary>A time for the <c>datetime</c> attribute.</summary>
    public static string Machine(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static string Two(int large, string largeUnit, int small, string smallUnit) =>
        small == 0
            ? string.Create(CultureInfo.InvariantCulture, $"{large}{largeUnit}")
            : string.Create(CultureInfo.InvariantCulture, $"{large}{largeUnit} {small}{smallUnit}");
}
