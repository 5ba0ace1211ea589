using System.Globalization;
using Serving.Api.Config;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Controller.Common;

namespace Serving.Controller.GarbageCollection;

/// <summary>
/// Selects the Revisions of a Configuration to delete. Never the latest ready one, one that is marked to be kept, or one that is not known
/// to be unused. Age protects Revisions up to the maximum number to keep; beyond it the oldest are deleted.
/// </summary>
internal static class StaleRevisions
{
    public static IReadOnlyList<Revision> Choose(
        Configuration configuration,
        IEnumerable<Revision> revisions,
        GcConfig config,
        DateTimeOffset now
    )
    {
        if (config is { MaxNonActiveRevisions: null, RetainSinceCreateTime: null, RetainSinceLastActiveTime: null })
        {
            return [];
        }

        var candidates = revisions
            .Where(revision => !IsKept(revision, configuration))
            .OrderBy(LastActive)
            .ThenBy(revision => revision.Metadata.Name, StringComparer.Ordinal)
            .ToList();
        var spare = candidates.Count - (int)Math.Min(int.MaxValue, config.MinNonActiveRevisions);
        if (spare <= 0)
        {
            return [];
        }

        var stale = candidates.Where(revision => IsStale(revision, config, now)).Take(spare).ToList();
        if (config.MaxNonActiveRevisions is { } most && stale.Count < spare)
        {
            var excess = candidates.Count - stale.Count - most;
            if (excess > 0)
            {
                stale.AddRange(candidates.Except(stale).Take((int)excess).ToList());
            }
        }

        return stale;
    }

    /// <summary>When the next Revision may become stale, or null when none does by time.</summary>
    public static TimeSpan? NextChange(Configuration configuration, IEnumerable<Revision> revisions, GcConfig config, DateTimeOffset now)
    {
        if (config is { RetainSinceCreateTime: null, RetainSinceLastActiveTime: null })
        {
            return null;
        }

        var candidates = revisions.Where(revision => !IsKept(revision, configuration)).ToList();
        if (candidates.Count <= config.MinNonActiveRevisions)
        {
            return null;
        }

        var times = candidates.Select(revision => StaleAt(revision, config) - now).Where(time => time > TimeSpan.Zero).ToList();
        return times.Count > 0 ? times.Min() + TimeSpan.FromSeconds(1) : null;
    }

    private static bool IsKept(Revision revision, Configuration configuration) =>
        revision.Metadata.Name == configuration.Status.LatestReadyRevisionName
        || revision.Metadata.Annotations.Get(ServingKeys.NoGc).Equals("true", StringComparison.OrdinalIgnoreCase)
        || revision.Metadata.Labels.Get(ServingKeys.RoutingState) != ServingKeys.RoutingStateReserve
        || revision.Metadata.DeletionTimestamp is not null;

    private static bool IsStale(Revision revision, GcConfig config, DateTimeOffset now) =>
        config is not { RetainSinceCreateTime: null, RetainSinceLastActiveTime: null } && StaleAt(revision, config) <= now;

    private static DateTimeOffset StaleAt(Revision revision, GcConfig config)
    {
        var created = Created(revision) + (config.RetainSinceCreateTime ?? TimeSpan.Zero);
        var active = LastActive(revision) + (config.RetainSinceLastActiveTime ?? TimeSpan.Zero);
        return config.RetainSinceLastActiveTime is null ? created
            : config.RetainSinceCreateTime is null ? active
            : created > active ? created
            : active;
    }

    private static DateTimeOffset LastActive(Revision revision) =>
        DateTimeOffset.TryParse(
            revision.Metadata.Annotations.Get(ServingKeys.RoutingStateModified),
            CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal,
            out var time
        )
            ? time
            : Created(revision);

    private static DateTimeOffset Created(Revision revision) => revision.Metadata.CreationTimestamp ?? DateTimeOffset.UnixEpoch;
}
