using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Serving.Observability.Metrics;

/// <summary>Selects the format of a scrape.</summary>
internal static class TextFormats
{
    private const string OpenMetricsVersion = "1.0.0";
    private const string PrometheusVersion = "0.0.4";

    public static string ContentType(this TextFormat format) =>
        format == TextFormat.OpenMetrics
            ? $"application/openmetrics-text; version={OpenMetricsVersion}; charset=utf-8"
            : $"text/plain; version={PrometheusVersion}; charset=utf-8";

    /// <summary>
    /// The format that an <c>Accept</c> header prefers, by its quality values: a range that names OpenMetrics (1.0.0, or no
    /// version), or one
    /// that the text format matches. Prometheus' format when both have the same quality or none is acceptable, as scrapers expect.
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

        return open > plain ? TextFormat.OpenMetrics : TextFormat.Prometheus;
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
