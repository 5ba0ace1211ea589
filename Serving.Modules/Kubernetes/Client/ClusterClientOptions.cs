namespace Serving.Kubernetes.Client;

/// <summary>Bounds of a <see cref="ClusterClient"/>.</summary>
public sealed record ClusterClientOptions
{
    /// <summary>How long one attempt of a request may take; watches are bounded by it until their headers are there.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Attempts of one request, the first included.</summary>
    public int Attempts { get; init; } = 5;

    /// <summary>The delay before the second attempt; it doubles from there, with jitter.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest delay between attempts, the server's <c>Retry-After</c> included.</summary>
    public TimeSpan LongestDelay { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The largest response that is read, in bytes; watches are not bounded by it.</summary>
    public long LargestResponse { get; init; } = 256 * 1024 * 1024;

    /// <summary>Objects a page when listing.</summary>
    public int PageSize { get; init; } = 500;

    /// <summary>Who owns the fields written, and the first part of the <c>User-Agent</c>.</summary>
    public string FieldManager { get; init; } = "serving";

    /// <summary>Which process this is, for the <c>User-Agent</c> in the cluster's audit log: a pod's name; empty for none.</summary>
    public string Instance { get; init; } = "";
}
