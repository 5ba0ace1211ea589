namespace Serving.Kubernetes;

/// <summary>Bounds of a <see cref="KubernetesClient"/>.</summary>
public sealed record KubernetesClientOptions
{
    /// <summary>How long one try of a request may take; watches are not bounded by it.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Tries of one request, the first included.</summary>
    public int Attempts { get; init; } = 5;

    /// <summary>The delay before the second try; it doubles from there, with jitter.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest delay between tries, the server's <c>Retry-After</c> included.</summary>
    public TimeSpan LongestDelay { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Objects a page when listing.</summary>
    public int PageSize { get; init; } = 500;

    /// <summary>Who owns the fields written, and who we say we are in <c>User-Agent</c>.</summary>
    public string FieldManager { get; init; } = "serving";

    /// <summary>Which process we are, for the <c>User-Agent</c> in the cluster's audit log: a pod's name; empty for none.</summary>
    public string Instance { get; init; } = "";
}
