using Serving.StatusPages.Models;
using Serving.StatusPages.Sources;

namespace Serving.StatusPages.Pages;

/// <summary>Builds the page that looks up a route.</summary>
/// <param name="routes">The gateway.</param>
internal sealed class RoutesBuilder(IRouteSource routes)
{
    private const string Title = "Routes";
    private const string NoGateway = "This process runs no gateway, so it routes nothing. Ask a process that does.";

    /// <param name="host">A host, with or without port, or a URL; empty to show the form only.</param>
    /// <param name="path">The path; empty for that of the URL, else <c>/</c>.</param>
    public StatusPage Build(string host, string path)
    {
        host = host.Trim();
        path = path.Trim();
        if (Uri.TryCreate(host, UriKind.Absolute, out var url) && (url.Scheme is "http" or "https"))
        {
            // A pasted URL is what a person has at hand.
            host = url.Host;
            path = path.Length > 0 ? path : Uri.UnescapeDataString(url.AbsolutePath);
        }

        if (path.Length == 0)
        {
            path = "/";
        }
        else if (path[0] != '/')
        {
            return ProblemPage.Invalid($"path: '{path}' does not begin with a slash.");
        }

        var page = new RoutesPage
        {
            Title = Title,
            Host = host,
            Path = path,
        };
        if (host.Length == 0)
        {
            return page;
        }

        return routes.Explain(host, path) is { } route ? page with { Route = route } : page with { Unknown = NoGateway };
    }
}
