namespace Serving.Host.Metrics;

/// <summary>What becomes of a scrape.</summary>
internal enum ScrapeVerdict
{
    /// <summary>It is answered.</summary>
    Allowed,

    /// <summary>Nobody knows who asks.</summary>
    Unauthenticated,

    /// <summary>Who asks may not read metrics.</summary>
    Forbidden,

    /// <summary>The API server could not be asked.</summary>
    Unavailable,
}
