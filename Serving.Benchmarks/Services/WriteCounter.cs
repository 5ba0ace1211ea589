using System.Text.Json;

namespace Serving.Benchmarks.Services;

/// <summary>Counts the writes of control planes in the API server's audit log, which contains each request once; renewals of Leases and the
/// hosts' own pods are not counted.</summary>
internal static class WriteCounter
{
    private const string Agent = "serving/";

    /// <summary>The number of writes by verb, resource and status of failures, such as <c>create revisions</c> or <c>update
    /// routes/status 409</c>.</summary>
    /// <param name="path">The log.</param>
    /// <param name="after">Only requests after this time count.</param>
    public static SortedDictionary<string, int> Count(string path, DateTimeOffset after)
    {
        var counts = new SortedDictionary<string, int>(StringComparer.Ordinal);
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(file);
        while (reader.ReadLine() is { } line)
        {
            if (line.EndsWith('}') && KeyOf(line, after) is { } key)
            {
                counts[key] = counts.GetValueOrDefault(key) + 1;
            }
        }

        return counts;
    }

    private static string? KeyOf(string line, DateTimeOffset after)
    {
        using var document = JsonDocument.Parse(line);
        var entry = document.RootElement;
        if (
            entry.GetProperty("userAgent").GetString()?.StartsWith(Agent, StringComparison.Ordinal) != true
            || entry.GetProperty("requestReceivedTimestamp").GetDateTimeOffset() < after
            || !entry.TryGetProperty("objectRef", out var about)
            || Text(about, "resource") is not { Length: > 0 } resource
            || resource == "leases"
        )
        {
            return null;
        }

        // Paths start with /api/v1 or with /apis/GROUP; the group tells a Service of ours from one of Kubernetes.
        var group = Text(entry, "requestURI").Split('/') is ["", "apis", var name, ..] ? "." + name.Split('.')[0] : "";
        var part = Text(about, "subresource") is { Length: > 0 } subresource ? "/" + subresource : "";
        var status = entry.GetProperty("responseStatus").GetProperty("code").GetInt32();
        return $"{Text(entry, "verb")} {resource}{group}{part}{(status < 300 ? "" : $" {status}")}";
    }

    private static string Text(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out var value) ? value.GetString() ?? "" : "";
}
