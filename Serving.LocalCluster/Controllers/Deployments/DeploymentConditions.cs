using Serving.Api.Core;

namespace Serving.LocalCluster.Controllers.Deployments;

/// <summary>The conditions of a Deployment, with Kubernetes' reasons and wording. Pure.</summary>
internal static class DeploymentConditions
{
    /// <summary>The reason of a completed rollout.</summary>
    public const string Completed = "NewReplicaSetAvailable";

    private const string DeadlineExceeded = "ProgressDeadlineExceeded";

    /// <summary>Available: whether the minimum number of pods is available.</summary>
    public static Condition Available(DeploymentSpec spec, int available)
    {
        var unavailable = spec.Strategy?.Type == "Recreate" ? 0 : RollingUpdate.Bounds(spec).Unavailable;
        return available >= (spec.Replicas ?? 1) - unavailable
            ? new Condition
            {
                Type = "Available",
                Status = "True",
                Reason = "MinimumReplicasAvailable",
                Message = "Deployment has minimum availability.",
            }
            : new Condition
            {
                Type = "Available",
                Status = "False",
                Reason = "MinimumReplicasUnavailable",
                Message = "Deployment does not have minimum availability.",
            };
    }

    /// <summary>Progressing: whether the rollout is complete, in progress, or without progress for longer than the deadline.</summary>
    /// <param name="before">The previous condition; null at first.</param>
    /// <param name="newest">The name of the newest ReplicaSet.</param>
    /// <param name="complete">Whether all pods are of the newest ReplicaSet and available.</param>
    /// <param name="still">The time since the last progress.</param>
    /// <param name="deadline">The progress deadline.</param>
    public static Condition Progressing(Condition? before, string newest, bool complete, TimeSpan still, TimeSpan deadline)
    {
        if (complete)
        {
            return new Condition
            {
                Type = "Progressing",
                Status = "True",
                Reason = Completed,
                Message = $"ReplicaSet \"{newest}\" has successfully progressed.",
            };
        }

        // Scaling does not restart the deadline of a completed rollout.
        if (before is { Status: "True", Reason: Completed } && before.Message.Contains($"\"{newest}\"", StringComparison.Ordinal))
        {
            return before;
        }

        return still >= deadline
            ? new Condition
            {
                Type = "Progressing",
                Status = "False",
                Reason = DeadlineExceeded,
                Message = $"ReplicaSet \"{newest}\" has timed out progressing.",
            }
            : new Condition
            {
                Type = "Progressing",
                Status = "True",
                Reason = "ReplicaSetUpdated",
                Message = $"ReplicaSet \"{newest}\" is progressing.",
            };
    }

    /// <summary>Puts conditions into a list: the transition time changes only with the status.</summary>
    public static IReadOnlyList<Condition> Set(
        IReadOnlyList<Condition> conditions,
        DateTimeOffset now,
        params IEnumerable<Condition> wanted
    )
    {
        var result = conditions.ToList();
        foreach (var condition in wanted)
        {
            var at = result.FindIndex(existing => existing.Type == condition.Type);
            var since = at >= 0 && result[at].Status == condition.Status ? result[at].LastTransitionTime : now;
            var dated = condition with { LastTransitionTime = since };
            if (at >= 0)
            {
                result[at] = dated;
            }
            else
            {
                result.Add(dated);
            }
        }

        return result;
    }
}
