using System.Globalization;
using System.Text.RegularExpressions;

namespace Serving.Benchmarks.Report.Model;

/// <summary>What a run of <c>h2load --duration --log-file</c> printed and logged.</summary>
/// <param name="Protocol">The protocol that was negotiated: <c>http/1.1</c>, <c>h2</c> or <c>h2c</c>.</param>
/// <param name="Load">The load.</param>
internal sealed partial record H2LoadOutput(string Protocol, LoadSummary Load)
{
    /// <summary>How much of a run may pass before the first request and after the last response.</summary>
    private static readonly TimeSpan QuietLimit = TimeSpan.FromSeconds(2);

    /// <summary>Reads the output. Requests under way at the end count neither as responses nor as errors.</summary>
    /// <param name="text">What it printed.</param>
    /// <param name="log">
    /// The log, a line for each response: start in microseconds since 1970, status and latency in microseconds, with tabs between.
    /// </param>
    /// <param name="duration">The duration of the run.</param>
    /// <exception cref="FormatException">It has no result, or the responses end long before the run does: a connection that the server
    /// closes is not replaced, and not all of its requests count as errors.</exception>
    public static H2LoadOutput Parse(string text, IEnumerable<string> log, TimeSpan duration)
    {
        if (
            RequestsIn().Match(text) is not { Success: true } requests
            || Rate().Match(text) is not { Success: true } rate
            || Statuses().Match(text) is not { Success: true } statuses
        )
            throw new FormatException($"h2load printed no result:\n{text}");
        var responses = log.Select(Response).ToList();
        if (responses.Count == 0 || NegotiatedProtocol().Match(text) is not { Success: true } protocol)
            throw new FormatException($"h2load received no response:\n{text}");
        var answered = responses.Max(static one => one.Start + one.Latency) - responses.Min(static one => one.Start);
        if (duration - TimeSpan.FromMicroseconds(answered) is var quiet && quiet > QuietLimit)
            throw new FormatException($"h2load received no response in {quiet.TotalSeconds:0.0} of {duration.TotalSeconds:0} s:\n{text}");
        return new H2LoadOutput(
            protocol.Groups[1].Value,
            new LoadSummary(
                Number(requests.Groups["done"]),
                double.Parse(rate.Groups[1].Value, CultureInfo.InvariantCulture),
                Latency(responses, 0.5),
                Latency(responses, 0.99),
                Number(requests.Groups["failed"]) + Number(statuses.Groups["redirected"])
            )
        );
    }

    private static (long Start, long Latency) Response(string line) =>
        line.Split('\t') is [var start, _, var latency, ..]
        && long.TryParse(start, NumberStyles.None, CultureInfo.InvariantCulture, out var begin)
        && long.TryParse(latency, NumberStyles.None, CultureInfo.InvariantCulture, out var microseconds)
            ? (begin, microseconds)
            : throw new FormatException($"h2load logged no response: '{line}'");

    private static double Latency(IEnumerable<(long Start, long Latency)> responses, double share) =>
        Percentile.Of(responses.Select(static one => one.Latency / 1000.0), share);

    private static long Number(Group group) => long.Parse(group.Value, CultureInfo.InvariantCulture);

    // Failed requests are those with status 4xx and 5xx, and the errored ones.
    [GeneratedRegex(@"^requests: .* (?<done>\d+) done, \d+ succeeded, (?<failed>\d+) failed, ", RegexOptions.Multiline)]
    private static partial Regex RequestsIn();

    [GeneratedRegex(@"^finished in .*, ([\d.]+) req/s", RegexOptions.Multiline)]
    private static partial Regex Rate();

    [GeneratedRegex(@"^status codes: \d+ 2xx, (?<redirected>\d+) 3xx, ", RegexOptions.Multiline)]
    private static partial Regex Statuses();

    [GeneratedRegex(@"^Application protocol: (\S+)", RegexOptions.Multiline)]
    private static partial Regex NegotiatedProtocol();
}
