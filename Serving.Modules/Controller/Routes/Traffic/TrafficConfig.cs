using Serving.Api.Knative;

namespace Serving.Controller.Routes.Traffic;

/// <summary>
/// A Route's traffic at the level of Revisions. Invariant: <see cref="Targets"/> has the default target under the empty tag, which includes
/// every target, and one entry for each tag.
/// </summary>
internal sealed record TrafficConfig(
    SortedDictionary<string, IReadOnlyList<RevisionTarget>> Targets,
    IReadOnlyList<RevisionTarget> RevisionTargets
)
{
    /// <summary>The tag of the Route's own host.</summary>
    public const string DefaultTarget = "";

    /// <summary>The rollout without gradual steps.</summary>
    public Rollout BuildRollout() =>
        Rollout.Sorted(
            from pair in Targets
            from target in pair.Value
            where target is { LatestRevision: true, Percent: > 0 }
            select new ConfigurationRollout
            {
                ConfigurationName = target.ConfigurationName,
                Tag = pair.Key,
                Percent = (int)target.Percent,
                Revisions = [new RevisionRollout(target.RevisionName, (int)target.Percent)],
            }
        );

    /// <summary>The targets for the Route's status.</summary>
    /// <param name="rollout">The rollout in progress; an empty one when there is none.</param>
    /// <param name="urlOf">The URL of a tag.</param>
    public IReadOnlyList<TrafficTarget> ToStatus(Rollout rollout, Func<string, string> urlOf)
    {
        var result = new List<TrafficTarget>();
        foreach (var target in RevisionTargets)
        {
            var url = target.Tag.Length > 0 ? urlOf(target.Tag) : "";
            var gradual =
                target.LatestRevision == true
                    ? rollout.Configurations.FirstOrDefault(configuration =>
                        configuration.Tag == target.Tag && configuration.ConfigurationName == target.ConfigurationName
                    )
                    : null;
            IEnumerable<RevisionRollout> shares = gradual?.Revisions ?? [new RevisionRollout(target.RevisionName, (int)target.Percent)];
            result.AddRange(
                shares.Select(share => new TrafficTarget
                {
                    Tag = target.Tag,
                    RevisionName = share.RevisionName,
                    LatestRevision = target.LatestRevision,
                    Percent = share.Percent,
                    Url = url,
                })
            );
        }

        return result;
    }
}
