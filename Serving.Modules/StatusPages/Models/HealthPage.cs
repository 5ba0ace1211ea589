using Serving.StatusPages.Sources;

namespace Serving.StatusPages.Models;

/// <summary>The health of this process.</summary>
public sealed record HealthPage : StatusPage
{
    /// <summary>Whether it may receive traffic.</summary>
    public required bool IsReady { get; init; }

    /// <summary>How long it has run.</summary>
    public required TimeSpan Uptime { get; init; }

    /// <summary>The process and its parts.</summary>
    public required ProcessReading Process { get; init; }
}
