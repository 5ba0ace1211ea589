using Serving.Api.Autoscaling;
using Serving.Api.Networking;

namespace Serving.Autoscaler.Reconcilers;

/// <summary>What may be done about a wish for zero pods.</summary>
/// <param name="Scale">The scale; -1 for not known.</param>
/// <param name="Apply">Whether to give it to the scale target.</param>
/// <param name="Again">When to look again, if nothing changes before.</param>
internal readonly record struct ScaleStep(int Scale, bool Apply, TimeSpan? Again = null);

/// <summary>
/// When the last pod may go. Zero is reached in two steps: a revision that was active for a stable window without traffic becomes
/// inactive, which puts activators into the path; once they are and have been for the grace period, the pod goes. Pure.
/// </summary>
internal static class ScaleToZero
{
    /// <summary>Beyond the progress deadline, so that the Revision has told why its pods failed before they are gone.</summary>
    private static readonly TimeSpan ActivationBuffer = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan ProbeAgain = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ProxyAgain = TimeSpan.FromSeconds(3);

    /// <summary>Decides about a wish for zero pods.</summary>
    /// <param name="status">The PodAutoscaler's conditions.</param>
    /// <param name="settings">What it asks for.</param>
    /// <param name="service">Its ServerlessService.</param>
    /// <param name="limits">The cluster's configuration.</param>
    /// <param name="activatorInPath">Whether activators are known to be in the path; matters to an inactive one.</param>
    /// <param name="now">The time.</param>
    public static ScaleStep Decide(
        PodAutoscalerStatus status, AutoscalerSettings settings, ServerlessService service, ScaleToZeroLimits limits, bool activatorInPath, DateTimeOffset now)
    {
        if (!limits.Enabled) return new ScaleStep(1, true);
        if (PodAutoscalerLifecycle.IsActive(status)) return WhileActive(status, settings, service, now);
        return PodAutoscalerLifecycle.IsInactive(status)
            ? WhileInactive(status, settings, service, limits, activatorInPath, now)
            : WhileActivating(status, settings, limits, now);
    }

    private static ScaleStep WhileActivating(PodAutoscalerStatus status, AutoscalerSettings settings, ScaleToZeroLimits limits, DateTimeOffset now)
    {
        var limit = (settings.OwnProgressDeadline ?? limits.ProgressDeadline) + ActivationBuffer;
        var since = PodAutoscalerLifecycle.ActivatingFor(status, now);
        return since > limit ? new ScaleStep(0, true) : new ScaleStep(-1, false, limit - since + TimeSpan.FromSeconds(1));
    }

    private static ScaleStep WhileActive(PodAutoscalerStatus status, AutoscalerSettings settings, ServerlessService service, DateTimeOffset now)
    {
        var left = settings.StableWindow - PodAutoscalerLifecycle.ActiveFor(status, now);
        if (left > TimeSpan.Zero) return new ScaleStep(1, true, left);

        // In Proxy mode the ServerlessService may not change, so nothing else would bring us back.
        return new ScaleStep(0, false, service.Spec.Mode == ServerlessServiceLifecycle.ModeProxy ? ProxyAgain : null);
    }

    private static ScaleStep WhileInactive(
        PodAutoscalerStatus status, AutoscalerSettings settings, ServerlessService service, ScaleToZeroLimits limits, bool activatorInPath, DateTimeOffset now)
    {
        if (!activatorInPath) return new ScaleStep(0, false, ProbeAgain);
        var inactive = PodAutoscalerLifecycle.InactiveFor(status, now);
        var retention = settings.LastPodRetention;
        if (inactive >= (retention > limits.GracePeriod ? retention : limits.GracePeriod)) return new ScaleStep(0, true);
        if (inactive < retention) return new ScaleStep(0, false, retention - inactive);
        var left = limits.GracePeriod - ServerlessServiceLifecycle.ProxyFor(service.Status, now);
        return left <= TimeSpan.Zero ? new ScaleStep(0, true) : new ScaleStep(0, false, left);
    }
}
