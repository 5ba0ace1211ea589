using Serving.Api.Core;
using Serving.Kubernetes;

namespace Serving.LocalCluster.Controllers;

/// <summary>
/// The condition that says why a ReplicaSet's pods could not be made or deleted, with Kubernetes' reasons. It is there only while that is so;
/// a Deployment has that of its ReplicaSets. Pure.
/// </summary>
internal static class ReplicaFailure
{
    private const string Type = "ReplicaFailure";

    /// <summary>The condition of a refusal.</summary>
    /// <param name="missing">How many pods were to be made; below 0: to be deleted.</param>
    /// <param name="refusal">What the API server said.</param>
    public static Condition Of(int missing, KubernetesException refusal)
        => new() { Type = Type, Status = "True", Reason = missing > 0 ? "FailedCreate" : "FailedDelete", Message = refusal.Status.Message };

    /// <summary>The condition of the first ReplicaSet that has one; null when none has.</summary>
    public static Condition? In(IEnumerable<ReplicaSet> sets) => sets.SelectMany(set => set.Status?.Conditions ?? []).FirstOrDefault(condition => condition.Type == Type);

    /// <summary>Puts the condition into a list, or takes it out of it when there is no failure. The same list where nothing changes.</summary>
    public static IReadOnlyList<Condition> Set(IReadOnlyList<Condition> conditions, Condition? failure, DateTimeOffset now)
    {
        var before = conditions.FirstOrDefault(condition => condition.Type == Type);
        if ((before is null && failure is null) || (before?.Reason == failure?.Reason && before?.Message == failure?.Message))
        {
            return conditions;
        }

        return failure is null ? [.. conditions.Where(condition => condition.Type != Type)] : DeploymentConditions.Set(conditions, now, failure);
    }
}
