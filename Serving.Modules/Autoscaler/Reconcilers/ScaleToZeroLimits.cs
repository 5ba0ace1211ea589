using Serving.Api.Config;

namespace Serving.Autoscaler.Reconcilers;

/// <summary>The cluster's configuration that scaling to zero is bound by.</summary>
/// <param name="Enabled">Whether anything may scale to zero.</param>
/// <param name="GracePeriod">The longest that the last pod waits for activators to be in the path.</param>
/// <param name="ProgressDeadline">The time that pods have to come up.</param>
internal sealed record ScaleToZeroLimits(bool Enabled, TimeSpan GracePeriod, TimeSpan ProgressDeadline)
{
    public static ScaleToZeroLimits Of(ConfigSnapshot config)
        => new(config.Autoscaler.EnableScaleToZero, config.Autoscaler.ScaleToZeroGracePeriod, config.Deployment.ProgressDeadline);
}
