using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;
using Serving.StatusPages.Models;
using Serving.StatusPages.Pages;

namespace Serving.StatusPages.Http;

/// <summary>Reads the parameters of a request. Errors name the parameter.</summary>
/// <param name="request">The request.</param>
internal sealed class RequestQuery(HttpRequest request)
{
    private const int MostCharacters = 2000;
    private const int MostRefresh = 300;
    private const int MostPage = 1_000_000;

    /// <summary>What is wrong; null while every parameter that was read can be used.</summary>
    public string? Problem { get; private set; }

    /// <summary>Seconds until the browser loads the page again; 0 for never.</summary>
    public int Refresh => Number("refresh", 0, 2, MostRefresh);

    /// <summary>The filter of the overview.</summary>
    public OverviewQuery Overview() => new(Text("namespace"), Text("name"), State(), Number("page", 1, 1, MostPage));

    /// <summary>A text; empty when absent.</summary>
    public string Text(string name)
    {
        var value = request.Query[name].ToString().Trim();
        if (value.Length > MostCharacters)
        {
            Problem ??= $"{name}: it is longer than {MostCharacters} characters.";
            return "";
        }

        return value;
    }

    /// <summary>Whether the client wants JSON: it asks so, or prefers it to HTML.</summary>
    public bool IsJson()
    {
        var format = Text("format");
        if (format.Length > 0)
        {
            if (format is not ("json" or "html"))
            {
                Problem ??= $"format: '{format}' is neither json nor html.";
            }

            return format == "json";
        }

        var accepted = request.GetTypedHeaders().Accept;
        return Quality(accepted, "application/json") > Quality(accepted, "text/html");
    }

    /// <summary>The parameters to keep in links to the same page.</summary>
    public IReadOnlyList<(string Name, string Value)> Kept(params IReadOnlyList<string> names) =>
        [.. names.Select(name => (name, Text(name)))];

    private static double Quality(IList<MediaTypeHeaderValue> accepted, string type) =>
        accepted
            .Where(one => one.MediaType.Equals(type, StringComparison.OrdinalIgnoreCase))
            .Select(static one => one.Quality ?? 1)
            .DefaultIfEmpty(0)
            .Max();

    private string State()
    {
        var state = Text("state");
        if (state.Length > 0 && !OverviewBuilder.States.ContainsKey(state))
        {
            Problem ??= $"state: '{state}' is not one of {string.Join(", ", OverviewBuilder.States.Keys)}.";
        }

        return state;
    }

    private int Number(string name, int fallback, int least, int most)
    {
        var text = Text(name);
        if (text.Length == 0)
        {
            return fallback;
        }

        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most)
        {
            return value;
        }

        Problem ??= $"{name}: '{text}' is not a number from {least} to {most}.";
        return fallback;
    }
}
