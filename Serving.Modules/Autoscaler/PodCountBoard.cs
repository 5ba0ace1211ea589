using System.Collections.Concurrent;
using Serving.Api.Autoscaling;
using Serving.Api.WellKnown;
using Serving.Instruments;
using Serving.Kubernetes;

namespace Serving.Autoscaler;

/// <summary>The pods of each revision as of its last reconcile, for metrics.</summary>
internal sealed class PodCountBoard
{
    private readonly ConcurrentDictionary<ObjectKey, Row> _rows = new();

    /// <summary>The current counts by revision.</summary>
    public IEnumerable<Row> Rows => _rows.Values;

    /// <summary>The labels of a revision, or null if it is unknown.</summary>
    public Row? Find(ObjectKey key) => _rows.GetValueOrDefault(key);

    /// <summary>Records a reconcile.</summary>
    /// <param name="autoscaler">The PodAutoscaler.</param>
    /// <param name="want">The desired scale; -1 (unknown) keeps the previous one.</param>
    /// <param name="requested">The replicas of the scale target, after this reconcile; null (unknown) keeps the previous ones.</param>
    /// <param name="counts">The pods.</param>
    public void Note(PodAutoscaler autoscaler, int want, int? requested, PodCounts counts)
    {
        var key = ObjectKey.Of(autoscaler);
        _rows.AddOrUpdate(
            key,
            _ => new Row(
                key,
                RevisionNames.Of(
                    key.Namespace,
                    key.Name,
                    Label(autoscaler, ServingKeys.Service),
                    Label(autoscaler, ServingKeys.Configuration)
                ),
                want < 0 ? null : want,
                requested,
                counts
            ),
            (_, old) => old with { Wanted = want < 0 ? old.Wanted : want, Requested = requested ?? old.Requested, Counts = counts }
        );
    }

    /// <summary>Removes a revision.</summary>
    public void Remove(ObjectKey key) => _rows.TryRemove(key, out _);

    /// <summary>Removes all revisions.</summary>
    public void Clear() => _rows.Clear();

    private static string Label(PodAutoscaler autoscaler, string key) => autoscaler.Metadata.Labels.GetValueOrDefault(key, "");

    /// <summary>The counts of one revision, and the tags of its series.</summary>
    /// <param name="Key">The revision.</param>
    /// <param name="Tags">The tags.</param>
    /// <param name="Wanted">The desired scale, with the steps to zero; null while unknown.</param>
    /// <param name="Requested">The replicas of the Deployment: those that are wanted, and those that are parked, kept in reserve, or stand
    /// in for pods that take no more requests; null while unknown.</param>
    /// <param name="Counts">The pods.</param>
    internal sealed record Row(ObjectKey Key, KeyValuePair<string, object?>[] Tags, int? Wanted, int? Requested, PodCounts Counts);
}
