namespace Serving.Host.Metrics;

/// <summary>The result of authorizing a scrape.</summary>
internal enum ScrapeVerdict
{
    /// <summary>The scrape is allowed.</summary>
    Allowed,

    /// <summary>The caller is not authenticated.</summary>
    Unauthenticated,

    /// <summary>The caller may not read metrics.</summary>
    Forbidden,

    /// <summary>The API server could not be reached.</summary>
    Unavailable,
}
