using Serving.Api.Autoscaling;
using Serving.Api.Networking;

namespace Serving.Autoscaler.Reconcilers;

/// <summary>The decision on scaling to zero.</summary>
/// <param name="Scale">The scale; -1 if unknown.</param>
/// <param name="Apply">Whether to apply it to the scale target.</param>
/// <param name="Again">When to reconcile again, unless something changes first.</param>
internal readonly record struct ScaleStep(int Scale, bool Apply, TimeSpan? Again = null);

/// <summary>
/// Decides when the last pod may be removed. Scaling to zero takes two steps: a revision that was active for a stable window without
/// traffic becomes inactive, which puts activators into the path; once they have been in the path for the grace period, the pod is removed.
/// Pure.
/// </summary>
internal static class ScaleToZero
{
    /// <summary>Longer than the progress deadline, so that the Revision reports why its pods failed before they are removed.</summary>
    private static readonly TimeSpan ActivationBuffer = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan ProbeAgain = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ProxyAgain = TimeSpan.FromSeconds(3);

    /// <summary>Decides on a desired scale of zero.</summary>
    /// <param name="status">The PodAutoscaler's conditions.</param>
    /// <param name="settings">The settings of the PodAutoscaler.</param>
    /// <param name="service">Its ServerlessService.</param>
    /// <param name="limits">The cluster's configuration.</param>
    /// <param name="activatorInPath">Whether activators are known to be in the path; used only when inactive.</param>
    /// <param name="now">The time.</param>
    /// <param name="least">How long the last pod stays at least, beside the settings' retention.</param>
    public static ScaleStep Decide(
        PodAutoscalerStatus status,
        AutoscalerSettings settings,
        ServerlessService service,
        ScaleToZeroLimits limits,
        bool activatorInPath,
        DateTimeOffset now,
        TimeSpan least = default
    )
    {
        if (!limits.Enabled)
            return new ScaleStep(1, true);
        if (PodAutoscalerLifecycle.IsActive(status))
            return WhileActive(status, settings, service, now);
        return PodAutoscalerLifecycle.IsInactive(status)
            ? WhileInactive(
                status,
                settings.LastPodRetention > least ? settings.LastPodRetention : least,
                service,
                limits,
                activatorInPath,
                now
            )
            : WhileActivating(status, settings, limits, now);
    }

    private static ScaleStep WhileActivating(
        PodAutoscalerStatus status,
        AutoscalerSettings settings,
        ScaleToZeroLimits limits,
        DateTimeOffset now
    )
    {
        var limit = (settings.OwnProgressDeadline ?? limits.ProgressDeadline) + ActivationBuffer;
        var since = PodAutoscalerLifecycle.ActivatingFor(status, now);
        return since > limit ? new ScaleStep(0, true) : new ScaleStep(-1, false, limit - since + TimeSpan.FromSeconds(1));
    }

    private static ScaleStep WhileActive(
        PodAutoscalerStatus status,
        AutoscalerSettings settings,
        ServerlessService service,
        DateTimeOffset now
    )
    {
        var left = settings.StableWindow - PodAutoscalerLifecycle.ActiveFor(status, now);
        if (left > TimeSpan.Zero)
            return new ScaleStep(1, true, left);

        // In Proxy mode the ServerlessService may not change, so no other event would trigger a reconcile.
        return new ScaleStep(0, false, service.Spec.Mode == ServerlessServiceLifecycle.ModeProxy ? ProxyAgain : null);
    }

    private static ScaleStep WhileInactive(
        PodAutoscalerStatus status,
        TimeSpan retention,
        ServerlessService service,
        ScaleToZeroLimits limits,
        bool activatorInPath,
        DateTimeOffset now
    )
    {
        if (!activatorInPath)
            return new ScaleStep(0, false, ProbeAgain);
        var inactive = PodAutoscalerLifecycle.InactiveFor(status, now);
        if (inactive >= (retention > limits.GracePeriod ? retention : limits.GracePeriod))
            return new ScaleStep(0, true);
        if (inactive < retention)
            return new ScaleStep(0, false, retention - inactive);
        var left = limits.GracePeriod - ServerlessServiceLifecycle.ProxyFor(service.Status, now);
        return left <= TimeSpan.Zero ? new ScaleStep(0, true) : new ScaleStep(0, false, left);
    }
}
