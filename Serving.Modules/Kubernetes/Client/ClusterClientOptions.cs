namespace Serving.Kubernetes.Client;

/// <summary>Bounds of a <see cref="ClusterClient"/>.</summary>
public sealed record ClusterClientOptions
{
    /// <summary>Timeout of one attempt of a request; for watches, until the headers arrive.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Attempts of one request, including the first.</summary>
    public int Attempts { get; init; } = 5;

    /// <summary>The delay before the second attempt; it doubles from there, with jitter.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest delay between attempts, including the server's <c>Retry-After</c>.</summary>
    public TimeSpan LongestDelay { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The largest response, in bytes; watches are not limited.</summary>
    public long LargestResponse { get; init; } = 256 * 1024 * 1024;

    /// <summary>Page size of lists.</summary>
    public int PageSize { get; init; } = 500;

    /// <summary>The field manager, and the first part of the <c>User-Agent</c>.</summary>
    public string FieldManager { get; init; } = "serving";

    /// <summary>The name of this process in the <c>User-Agent</c> and thus in the cluster's audit log: a pod's name; empty for
    /// none.</summary>
    public string Instance { get; init; } = "";
}
