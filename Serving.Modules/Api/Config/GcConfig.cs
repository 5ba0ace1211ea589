namespace Serving.Api.Config;

/// <summary>config-gc: which old Revisions are removed.</summary>
public sealed record GcConfig
{
    /// <summary>The values when nothing is configured.</summary>
    public static GcConfig Default { get; } = new();

    /// <summary>Age below which a Revision is kept; null (<c>disabled</c>): age does not matter.</summary>
    public TimeSpan? RetainSinceCreateTime { get; init; } = TimeSpan.FromHours(48);

    /// <summary>Time since it was last routed to, below which a Revision is kept; null (<c>disabled</c>): it does not matter.</summary>
    public TimeSpan? RetainSinceLastActiveTime { get; init; } = TimeSpan.FromHours(15);

    /// <summary>Non-active Revisions that are always kept.</summary>
    public long MinNonActiveRevisions { get; init; } = 20;

    /// <summary>Non-active Revisions beyond which the oldest go, whatever their age; null (<c>disabled</c>): no bound.</summary>
    public long? MaxNonActiveRevisions { get; init; } = 1000;
}
