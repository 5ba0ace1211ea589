using System.Globalization;
using System.Text.RegularExpressions;

namespace Serving.Benchmarks.Report.Model;

/// <summary>Reads what <c>wrk --latency</c> printed.</summary>
internal static partial class WrkOutput
{
    /// <summary>Reads the output. Errors are responses of another status than 2xx and 3xx, and errors of sockets.</summary>
    /// <exception cref="FormatException">It has no result.</exception>
    public static LoadSummary Parse(string text)
    {
        if (RequestsIn().Match(text) is not { Success: true } requests || Rate().Match(text) is not { Success: true } rate)
            throw new FormatException($"wrk printed no result:\n{text}");
        long errors = 0;
        if (NonSuccess().Match(text) is { Success: true } status)
            errors += long.Parse(status.Groups[1].Value, CultureInfo.InvariantCulture);
        if (Sockets().Match(text) is { Success: true } sockets)
            errors += sockets.Groups.Values.Skip(1).Sum(static group => long.Parse(group.Value, CultureInfo.InvariantCulture));
        return new LoadSummary(
            long.Parse(requests.Groups[1].Value, CultureInfo.InvariantCulture),
            double.Parse(rate.Groups[1].Value, CultureInfo.InvariantCulture),
            Latency(text, "50%"),
            Latency(text, "99%"),
            errors
        );
    }

    private static double Latency(string text, string share)
    {
        var match = Regex.Match(text, $@"^\s+{share}\s+([\d.]+)(us|ms|s|m)\s*$", RegexOptions.Multiline);
        if (!match.Success)
            throw new FormatException($"wrk printed no latency of {share}:\n{text}");
        var value = double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
        return match.Groups[2].Value switch
        {
            "us" => value / 1000,
            "ms" => value,
            "s" => value * 1000,
            _ => value * 60_000,
        };
    }

    [GeneratedRegex(@"(\d+) requests in ")]
    private static partial Regex RequestsIn();

    [GeneratedRegex(@"Requests/sec:\s+([\d.]+)")]
    private static partial Regex Rate();

    [GeneratedRegex(@"Non-2xx or 3xx responses: (\d+)")]
    private static partial Regex NonSuccess();

    [GeneratedRegex(@"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)")]
    private static partial Regex Sockets();
}
