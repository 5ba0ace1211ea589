using Serving.StatusPages.Pages;

namespace Serving.StatusPages.Components;

/// <summary>What every page shows of the request and the process.</summary>
/// <param name="Path">The path of the page.</param>
/// <param name="Query">Its query, without <c>refresh</c> and <c>format</c>.</param>
/// <param name="Refresh">Seconds after which the browser loads the page again; 0 for never.</param>
/// <param name="Now">The time of the model.</param>
/// <param name="Pod">The process's pod.</param>
/// <param name="Version">The version of the program.</param>
public sealed record PageContext(
    string Path,
    IReadOnlyList<(string Name, string Value)> Query,
    int Refresh,
    DateTimeOffset Now,
    string Pod,
    string Version
)
{
    /// <summary>The interval that the link offers, in seconds.</summary>
    public const int OfferedRefresh = 5;

    /// <summary>The same page, loaded again and again, or not any more.</summary>
    public string RefreshLink =>
        Links.With(
            Path,
            [.. Query, ("refresh", Refresh > 0 ? "" : OfferedRefresh.ToString(System.Globalization.CultureInfo.InvariantCulture))]
        );

    /// <summary>The same page as JSON.</summary>
    public string JsonLink => Links.With(Path, [.. Query, ("format", "json")]);
}
