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

    /// <summary>Records a reconcile; a scale of -1 (unknown) keeps the previous one.</summary>
    public void Note(PodAutoscaler autoscaler, int want, PodCounts counts)
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
                want,
                counts
            ),
            (_, old) => old with { Requested = want < 0 ? old.Requested : want, Counts = counts }
        );
    }

    /// <summary>Removes a revision.</summary>
    public void Remove(ObjectKey key) => _rows.TryRemove(key, out _);

    /// <summary>Removes all revisions.</summary>
    public void Clear() => _rows.Clear();

    private static string Label(PodAutoscaler autoscaler, string key) => autoscaler.Metadata.Labels.GetValueOrDefault(key, "");

    /// <summary>The counts of one revision, and the tags of its series.</summary>
    internal sealed record Row(ObjectKey Key, KeyValuePair<string, object?>[] Tags, int Requested, PodCounts Counts);
}
