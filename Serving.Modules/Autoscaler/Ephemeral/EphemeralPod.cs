using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Autoscaler.Collection;

namespace Serving.Autoscaler.Ephemeral;

/// <summary>Decides which ephemeral pods are replaced. Pure.</summary>
internal static class EphemeralPod
{
    public const string Served = "served";
    public const string Restarted = "restarted";
    public const string Unready = "unready";

    /// <summary>How long a pod that cannot be asked must have been unready.</summary>
    internal static readonly TimeSpan UnreadyFor = TimeSpan.FromSeconds(10);

    /// <summary>Why a pod is replaced; null when it is not.</summary>
    /// <param name="pod">A running pod.</param>
    /// <param name="report">What its queue-proxy reports; null when it does not respond, or cannot be asked because of a mesh.</param>
    /// <param name="now">The time.</param>
    public static string? ReplacedBecause(Pod pod, PodReport? report, DateTimeOffset now)
    {
        // The number of served requests is in the memory of the sidecar.
        if (pod.Status!.ContainerStatuses.Any(static one => one.Name == ContainerNames.QueueProxy && one.RestartCount > 0))
            return Restarted;
        return report switch
        {
            { IsSpent: true, InFlight: 0 } => Served,
            null when HasBeenReady(pod, now - UnreadyFor) => Unready,
            _ => null,
        };
    }

    /// <summary>Whether a pod was ready once and has not been since a time. A pod that starts is initialized after, or when, it is first
    /// reported as not ready.</summary>
    private static bool HasBeenReady(Pod pod, DateTimeOffset since) =>
        Find(pod, "Ready") is { Status: "False", LastTransitionTime: { } unready }
        && unready <= since
        && Find(pod, "Initialized") is { Status: "True", LastTransitionTime: { } started }
        && unready > started;

    private static Condition? Find(Pod pod, string type) => pod.Status!.Conditions.FirstOrDefault(one => one.Type == type);
}
