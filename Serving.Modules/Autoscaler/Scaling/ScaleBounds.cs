using Serving.Api.Autoscaling;
using Serving.Autoscaler.Reconcilers;

namespace Serving.Autoscaler.Scaling;

/// <summary>The bounds of a revision's scale: min-scale or the initial scale, and max-scale. The minimum takes precedence over the maximum,
/// like the initial scale of a revision whose later limit is lower.</summary>
/// <param name="Least">The lower bound.</param>
/// <param name="Most">The upper bound; 0 for no limit.</param>
internal readonly record struct ScaleBounds(int Least, int Most)
{
    /// <summary>The bounds now: the initial scale counts until it has been reached.</summary>
    public static ScaleBounds Of(AutoscalerSettings settings, PodAutoscalerStatus status)
    {
        var least = settings.MinScale;
        if (!PodAutoscalerLifecycle.IsScaleTargetInitialized(status) && settings.IsReachable && settings.InitialScale > 1)
        {
            least = Math.Max(least, settings.InitialScale);
        }

        return new ScaleBounds(least, settings.MaxScale);
    }

    /// <summary>The scale within the bounds.</summary>
    public int Apply(int desired) =>
        desired < Least ? Least
        : Most > 0 ? Math.Min(desired, Math.Max(Least, Most))
        : desired;
}
