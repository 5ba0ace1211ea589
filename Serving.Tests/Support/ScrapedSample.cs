using System.Globalization;
using System.Text.RegularExpressions;
using FluentAssertions;

namespace Serving.Tests.Support;

/// <summary>One sample of a scrape of <c>/metrics</c>.</summary>
internal sealed partial record ScrapedSample(string Name, IReadOnlyDictionary<string, string> Labels, double Value)
{
    /// <summary>Scrapes an endpoint.</summary>
    public static async Task<IReadOnlyList<ScrapedSample>> ScrapeAsync(HttpClient client, string endPoint) =>
        Parse(await client.GetStringAsync(new Uri($"http://{endPoint}/metrics")));

    private static IReadOnlyList<ScrapedSample> Parse(string text) =>
        [
            .. text.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Where(static line => line[0] != '#')
                .Select(static line =>
                {
                    var match = Line().Match(line);
                    match.Success.Should().BeTrue(line);
                    var labels = Label()
                        .Matches(match.Groups["labels"].Value)
                        .ToDictionary(static one => one.Groups[1].Value, static one => one.Groups[2].Value);
                    return new ScrapedSample(
                        match.Groups["name"].Value,
                        labels,
                        double.Parse(match.Groups["value"].Value, CultureInfo.InvariantCulture)
                    );
                }),
        ];

    [GeneratedRegex("^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(\\{(?<labels>.*)\\})? (?<value>\\S+)$")]
    private static partial Regex Line();

    [GeneratedRegex("([a-zA-Z_][a-zA-Z0-9_]*)=\"((?:[^\"\\\\]|\\\\.)*)\"")]
    private static partial Regex Label();
}
