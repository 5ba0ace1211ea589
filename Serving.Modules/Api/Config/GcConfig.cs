namespace Serving.Api.Config;

/// <summary>config-gc: which old Revisions are deleted.</summary>
public sealed record GcConfig
{
    /// <summary>The defaults.</summary>
    public static GcConfig Default { get; } = new();

    /// <summary>Minimum age before a Revision may be deleted; null (<c>disabled</c>): age does not matter.</summary>
    public TimeSpan? RetainSinceCreateTime { get; init; } = TimeSpan.FromHours(48);

    /// <summary>Minimum time since a Revision was last routed to before it may be deleted; null (<c>disabled</c>): it does not
    /// matter.</summary>
    public TimeSpan? RetainSinceLastActiveTime { get; init; } = TimeSpan.FromHours(15);

    /// <summary>Number of non-active Revisions that are always kept.</summary>
    public long MinNonActiveRevisions { get; init; } = 20;

    /// <summary>Number of non-active Revisions above which the oldest are deleted, whatever their age; null (<c>disabled</c>): no
    /// limit.</summary>
    public long? MaxNonActiveRevisions { get; init; } = 1000;
}
