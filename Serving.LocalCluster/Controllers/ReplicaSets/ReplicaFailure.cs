using Serving.Api.Core;
using Serving.Kubernetes.Client;
using Serving.LocalCluster.Controllers.Deployments;

namespace Serving.LocalCluster.Controllers.ReplicaSets;

/// <summary>
/// The condition that reports why a ReplicaSet's pods could not be created or deleted, with Kubernetes' reasons. It is removed when the
/// failure ends; a Deployment copies it from its ReplicaSets. Pure.
/// </summary>
internal static class ReplicaFailure
{
    private const string Type = "ReplicaFailure";

    /// <summary>The condition for a rejected request.</summary>
    /// <param name="missing">The number of pods to create; negative: to delete.</param>
    /// <param name="refusal">The error of the API server.</param>
    public static Condition Of(int missing, KubernetesException refusal) =>
        new()
        {
            Type = Type,
            Status = "True",
            Reason = missing > 0 ? "FailedCreate" : "FailedDelete",
            Message = refusal.Status.Message,
        };

    /// <summary>The condition of the first ReplicaSet that has one; null without any.</summary>
    public static Condition? In(IEnumerable<ReplicaSet> sets) =>
        sets.SelectMany(set => set.Status?.Conditions ?? []).FirstOrDefault(condition => condition.Type == Type);

    /// <summary>Adds the condition to a list, or removes it when there is no failure. Returns the same list without changes.</summary>
    public static IReadOnlyList<Condition> Set(IReadOnlyList<Condition> conditions, Condition? failure, DateTimeOffset now)
    {
        var before = conditions.FirstOrDefault(condition => condition.Type == Type);
        if ((before is null && failure is null) || (before?.Reason == failure?.Reason && before?.Message == failure?.Message))
        {
            return conditions;
        }

        return failure is null
            ? [.. conditions.Where(condition => condition.Type != Type)]
            : DeploymentConditions.Set(conditions, now, failure);
    }
}
