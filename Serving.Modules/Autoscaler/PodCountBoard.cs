using System.Collections.Concurrent;
using Serving.Api.Autoscaling;
using Serving.Api.WellKnown;
using Serving.Kubernetes;

namespace Serving.Autoscaler;

/// <summary>The pods of each revision as its last reconcile saw them, for the metrics.</summary>
internal sealed class PodCountBoard
{
    private readonly ConcurrentDictionary<ObjectKey, Row> rows = new();

    /// <summary>What is known of the revisions.</summary>
    public IEnumerable<Row> Rows => rows.Values;

    /// <summary>The labels of a revision, or null when it is not known.</summary>
    public Row? Find(ObjectKey key) => rows.GetValueOrDefault(key);

    /// <summary>Notes a reconcile; a scale of -1 (not known) leaves the last one.</summary>
    public void Note(PodAutoscaler autoscaler, int want, PodCounts counts)
    {
        var key = ObjectKey.Of(autoscaler);
        rows.AddOrUpdate(
            key,
            _ => new Row(key, Label(autoscaler, ServingKeys.Service), Label(autoscaler, ServingKeys.Configuration), want, counts),
            (_, old) => old with { Requested = want < 0 ? old.Requested : want, Counts = counts });
    }

    /// <summary>Forgets a revision.</summary>
    public void Remove(ObjectKey key) => rows.TryRemove(key, out _);

    /// <summary>Forgets all.</summary>
    public void Clear() => rows.Clear();

    private static string Label(PodAutoscaler autoscaler, string key) => autoscaler.Metadata.Labels.GetValueOrDefault(key, "");

    /// <summary>One revision.</summary>
    internal sealed record Row(ObjectKey Key, string Service, string Configuration, int Requested, PodCounts Counts);
}
