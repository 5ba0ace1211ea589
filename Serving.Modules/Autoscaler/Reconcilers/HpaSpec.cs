using System.Text.Json;
using Serving.Api.Core;

namespace Serving.Autoscaler.Reconcilers;

/// <summary>
/// Updates the specification of a HorizontalPodAutoscaler. Defaults added by Kubernetes are no difference; settings that the revision no
/// longer requests are. Invariant: merging the result again, with or without Kubernetes' defaults, changes nothing.
/// </summary>
internal static class HpaSpec
{
    private const int KubernetesMinReplicas = 1;

    /// <summary>The metrics that Kubernetes uses when none is set.</summary>
    private static readonly JsonElement KubernetesMetric = JsonElement.Parse(
        """{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":80}}}"""
    );

    /// <summary>The existing specification with the wanted values.</summary>
    public static HorizontalPodAutoscalerSpec Merge(HorizontalPodAutoscalerSpec existing, HorizontalPodAutoscalerSpec wanted) =>
        existing with
        {
            ScaleTargetRef = wanted.ScaleTargetRef,
            MinReplicas = wanted.MinReplicas ?? (existing.MinReplicas is null ? null : KubernetesMinReplicas),
            MaxReplicas = wanted.MaxReplicas,
            Metrics = Covers(
                existing.Metrics,
                wanted.Metrics.Count > 0 || existing.Metrics.Count == 0 ? wanted.Metrics : [KubernetesMetric]
            )
                ? existing.Metrics
                : wanted.Metrics,
            Behavior = existing.Behavior is { } had && wanted.Behavior is { } want && Covers(had, want) ? had : wanted.Behavior,
        };

    private static bool Covers(IReadOnlyList<JsonElement> existing, IReadOnlyList<JsonElement> wanted) =>
        existing.Count == wanted.Count && existing.Zip(wanted).All(static pair => Covers(pair.First, pair.Second));

    /// <summary>Whether it contains every wanted value.</summary>
    private static bool Covers(JsonElement existing, JsonElement wanted) =>
        wanted.ValueKind != JsonValueKind.Object
            ? JsonElement.DeepEquals(existing, wanted)
            : existing.ValueKind == JsonValueKind.Object
                && wanted
                    .EnumerateObject()
                    .All(member => existing.TryGetProperty(member.Name, out var value) && Covers(value, member.Value));
}
