using Serving.Api.Conditions;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Kubernetes.Informers;

namespace Serving.Controller.Routes.Traffic;

/// <summary>Resolves a Route's traffic to Revisions. Every reference is tracked before it is read.</summary>
internal sealed class TrafficBuilder(
    Route route,
    ILister<Configuration> configurations,
    ILister<Revision> revisions,
    Action<string, string> track
)
{
    private readonly List<RevisionTarget> _flattened = [];
    private readonly SortedDictionary<string, List<RevisionTarget>> _targets = new(StringComparer.Ordinal);
    private TrafficProblem? _problem;

    /// <summary>The traffic, or why it cannot be resolved. A failure takes precedence over a target that may still become ready.</summary>
    public (TrafficConfig? Traffic, TrafficProblem? Problem) Build()
    {
        foreach (var target in route.Spec.Traffic)
        {
            var found =
                target.RevisionName.Length > 0 ? AddRevision(target)
                : target.ConfigurationName.Length > 0 ? AddConfiguration(target)
                : null;
            if (found is not null && (_problem is null || found.IsFailure))
            {
                _problem = found;
            }
        }

        if (_problem is not null)
        {
            return (null, _problem);
        }

        var consolidated = new SortedDictionary<string, IReadOnlyList<RevisionTarget>>(StringComparer.Ordinal);
        foreach (var (tag, list) in _targets)
        {
            consolidated[tag] = Consolidate(list);
        }

        return (new TrafficConfig(consolidated, _flattened), null);
    }

    private TrafficProblem? AddConfiguration(TrafficTarget target)
    {
        var name = target.ConfigurationName;
        if (Configuration(name) is not { } configuration)
        {
            return Missing(References.Configuration, name);
        }

        var latest = configuration.Status.LatestReadyRevisionName;
        if (latest.Length == 0)
        {
            return ConditionSet.IsFalse(configuration.Status.Conditions, ConfigurationLifecycle.Ready)
                ? new TrafficProblem(true, (status, now) => status.MarkConfigurationFailed(name, now))
                : new TrafficProblem(false, (status, now) => status.MarkConfigurationNotReady(name, now));
        }

        if (Revision(latest) is not { } revision)
        {
            return Missing(References.Revision, latest);
        }

        if (!revision.IsReady())
        {
            return Unready(revision);
        }

        Add(target, latest, name, revision);
        return null;
    }

    private TrafficProblem? AddRevision(TrafficTarget target)
    {
        if (Revision(target.RevisionName) is not { } revision)
        {
            return Missing(References.Revision, target.RevisionName);
        }

        var expected = route.Metadata.Labels.Get(ServingKeys.Service);
        var actual = revision.Metadata.Labels.Get(ServingKeys.Service);
        if (expected.Length > 0 && expected != actual)
        {
            return new TrafficProblem(true, (status, now) => status.MarkRevisionNotOwned(target.RevisionName, expected, actual, now));
        }

        if (!revision.IsReady())
        {
            return Unready(revision);
        }

        var owner = revision.Metadata.Labels.Get(ServingKeys.Configuration);
        if (owner.Length > 0 && Configuration(owner) is null)
        {
            return Missing(References.Configuration, owner);
        }

        Add(target, target.RevisionName, owner.Length > 0 ? owner : target.ConfigurationName, revision);
        return null;
    }

    private void Add(TrafficTarget target, string revisionName, string configurationName, Revision revision)
    {
        var share = new RevisionTarget(
            target.Tag,
            revisionName,
            configurationName,
            target.LatestRevision,
            target.Percent ?? 0,
            revision.Spec.Protocol()
        );
        var same = _flattened.FindIndex(other =>
            other.Tag == share.Tag && other.RevisionName == share.RevisionName && other.LatestRevision == share.LatestRevision
        );
        if (same >= 0)
        {
            _flattened[same] = _flattened[same] with { Percent = _flattened[same].Percent + share.Percent };
        }
        else
        {
            _flattened.Add(share);
        }

        Group(TrafficConfig.DefaultTarget).Add(share);
        if (share.Tag.Length > 0)
        {
            Group(share.Tag).Add(share);
        }
    }

    private List<RevisionTarget> Group(string tag)
    {
        if (!_targets.TryGetValue(tag, out var group))
        {
            _targets[tag] = group = [];
        }

        return group;
    }

    private Configuration? Configuration(string name)
    {
        track(References.Configuration, name);
        return configurations.Get(route.Metadata.Namespace, name);
    }

    private Revision? Revision(string name)
    {
        track(References.Revision, name);
        return revisions.Get(route.Metadata.Namespace, name);
    }

    private static TrafficProblem Missing(string kind, string name) =>
        new(true, (status, now) => status.MarkMissingTrafficTarget(kind, name, now));

    private static TrafficProblem Unready(Revision revision)
    {
        var name = revision.Metadata.Name;
        return ConditionSet.IsFalse(revision.Status.Conditions, RevisionLifecycle.Ready)
            ? new TrafficProblem(true, (status, now) => status.MarkRevisionFailed(name, now))
            : new TrafficProblem(false, (status, now) => status.MarkRevisionNotReady(name, now));
    }

    /// <summary>One entry per Revision; a single Revision gets all traffic.</summary>
    private static List<RevisionTarget> Consolidate(List<RevisionTarget> list)
    {
        var result = new List<RevisionTarget>();
        foreach (var target in list)
        {
            var same = result.FindIndex(other => other.RevisionName == target.RevisionName);
            if (same >= 0)
            {
                result[same] = result[same] with { Percent = result[same].Percent + target.Percent };
            }
            else
            {
                result.Add(target);
            }
        }

        return result is [var single] ? [single with { Percent = 100 }] : result;
    }
}
