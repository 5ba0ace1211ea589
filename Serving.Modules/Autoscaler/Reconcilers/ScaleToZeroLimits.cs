using Serving.Api.Config;

namespace Serving.Autoscaler.Reconcilers;

/// <summary>The cluster's configuration for scaling to zero.</summary>
/// <param name="Enabled">Whether scaling to zero is enabled.</param>
/// <param name="GracePeriod">Maximum time that the last pod waits for activators to enter the path.</param>
/// <param name="ProgressDeadline">How long pods may take to become ready.</param>
internal sealed record ScaleToZeroLimits(bool Enabled, TimeSpan GracePeriod, TimeSpan ProgressDeadline)
{
    public static ScaleToZeroLimits Of(ConfigSnapshot config) =>
        new(config.Autoscaler.EnableScaleToZero, config.Autoscaler.ScaleToZeroGracePeriod, config.Deployment.ProgressDeadline);
}
