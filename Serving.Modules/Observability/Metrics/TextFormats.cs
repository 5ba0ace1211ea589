using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Serving.Observability.Metrics;

/// <summary>Selects the format and the encoding of a scrape.</summary>
internal static class TextFormats
{
    /// <summary>The content coding.</summary>
    public const string Gzip = "gzip";

    private const string OpenMetricsVersion = "1.0.0";
    private const string PrometheusVersion = "0.0.4";

    public static string ContentType(this TextFormat format) =>
        format == TextFormat.OpenMetrics
            ? $"application/openmetrics-text; version={OpenMetricsVersion}; charset=utf-8"
            : $"text/plain; version={PrometheusVersion}; charset=utf-8";

    /// <summary>
    /// The format that an <c>Accept</c> header prefers, by its quality values: a range that names OpenMetrics (1.0.0, or no version), or
    /// one that the text format matches. OpenMetrics when both have the same quality, because only a scraper that supports it lists it;
    /// Prometheus' format when none is acceptable, as scrapers expect.
    /// </summary>
    public static TextFormat Of(StringValues accept)
    {
        if (!MediaTypeHeaderValue.TryParseList([.. accept.OfType<string>()], out var ranges))
        {
            return TextFormat.Prometheus;
        }

        var (open, plain) = (0.0, 0.0);
        var specificity = -1;
        foreach (var range in ranges)
        {
            var quality = range.Quality ?? 1;
            if (range.MediaType.Equals("application/openmetrics-text", StringComparison.OrdinalIgnoreCase))
            {
                open = IsVersion(range, OpenMetricsVersion) ? Math.Max(open, quality) : open;
                continue;
            }

            // The most specific range decides about the text format, as RFC 9110 says.
            var specific =
                range.MediaType.Equals("text/plain", StringComparison.OrdinalIgnoreCase) ? 2
                : range.MediaType.Equals("text/*", StringComparison.OrdinalIgnoreCase) ? 1
                : range.MatchesAllTypes ? 0
                : -1;
            if (specific < 0 || specific < specificity || !IsVersion(range, PrometheusVersion))
            {
                continue;
            }

            plain = specific == specificity ? Math.Max(plain, quality) : quality;
            specificity = specific;
        }

        return open > 0 && open >= plain ? TextFormat.OpenMetrics : TextFormat.Prometheus;
    }

    /// <summary>Whether an <c>Accept-Encoding</c> header accepts gzip, and does not prefer plain text.</summary>
    public static bool IsGzipPreferred(StringValues acceptEncoding)
    {
        if (!StringWithQualityHeaderValue.TryParseList([.. acceptEncoding.OfType<string>()], out var codings))
        {
            return false;
        }

        double? Quality(string name) =>
            codings.FirstOrDefault(coding => coding.Value.Equals(name, StringComparison.OrdinalIgnoreCase)) is { } found
                ? found.Quality ?? 1
                : null;
        return (Quality(Gzip) ?? Quality("*") ?? 0) is > 0 and var gzip && gzip >= (Quality("identity") ?? 0);
    }

    private static bool IsVersion(MediaTypeHeaderValue range, string version)
    {
        foreach (var parameter in range.Parameters)
        {
            if (parameter.Name.Equals("version", StringComparison.OrdinalIgnoreCase))
            {
                return parameter.GetUnescapedValue().Equals(version, StringComparison.Ordinal);
            }
        }

        return true;
    }
}
