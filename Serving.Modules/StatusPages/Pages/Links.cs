using System.Text;

namespace Serving.StatusPages.Pages;

/// <summary>The paths of the pages.</summary>
internal static class Links
{
    /// <summary>The overview, and the prefix of all pages.</summary>
    public const string Root = "/status";

    public const string Leaders = Root + "/leaders";
    public const string Queues = Root + "/queues";
    public const string Informers = Root + "/informers";
    public const string Configuration = Root + "/configuration";
    public const string Routes = Root + "/routes";
    public const string Health = Root + "/health";

    public static string Service(string ns, string name) => $"{Root}/services/{Uri.EscapeDataString(ns)}/{Uri.EscapeDataString(name)}";

    public static string Revision(string ns, string name) => $"{Root}/revisions/{Uri.EscapeDataString(ns)}/{Uri.EscapeDataString(name)}";

    public static string Autoscaler(string ns, string name) => Revision(ns, name) + "/autoscaler";

    public static string Route(string host, string path) => With(Routes, ("host", host), ("path", path));

    /// <summary>A path with a query; empty values are left out.</summary>
    public static string With(string path, params IEnumerable<(string Name, string Value)> query)
    {
        var text = new StringBuilder(path);
        var separator = '?';
        foreach (var (name, value) in query)
        {
            if (value.Length > 0)
            {
                text.Append(separator).Append(name).Append('=').Append(Uri.EscapeDataString(value));
                separator = '&';
            }
        }

        return text.ToString();
    }

    /// <summary>The URL as a link target; null when it is not one of http or https, such as <c>javascript:</c>.</summary>
    public static string? Outside(string url) =>
        Uri.TryCreate(url, UriKind.Absolute, out var parsed) && (parsed.Scheme is "http" or "https") ? parsed.AbsoluteUri : null;
}
