using System.Globalization;
using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Conditions;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Autoscaler.Scaling;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Reconcilers;
using AutoscalerPass = Serving.Kubernetes.Reconcilers.ReconcilePass<
    Serving.Api.Autoscaling.PodAutoscaler,
    Serving.Api.Autoscaling.PodAutoscalerStatus
>;

namespace Serving.Autoscaler.Reconcilers;

/// <summary>
/// Reconciles PodAutoscalers of the KPA class to the scale desired by their decider: the ServerlessService, which puts activators into the
/// path or not, the Metric, which configures the collection of stats, and the replicas of the scale target.
/// Invariant: the last pod is removed only while activators are in the path.
/// </summary>
internal sealed class PodAutoscalerReconciler : AutoscalerClassReconciler
{
    private const int LeastActivators = 2;

    private static readonly TimeSpan AfterConflict = TimeSpan.FromMilliseconds(200);

    private readonly AutoscalerInformers _informers;
    private readonly Func<ConfigSnapshot> _config;
    private readonly Deciders _deciders;
    private readonly IActivatorProbe _probe;
    private readonly PodCountBoard _board;

    /// <param name="informers">Provides the caches.</param>
    /// <param name="config">The current configuration.</param>
    /// <param name="deciders">The deciders of all revisions.</param>
    /// <param name="probe">Determines whether activators are in the path.</param>
    /// <param name="board">Records pod counts for metrics.</param>
    /// <param name="events">Records failures.</param>
    /// <param name="time">The clock.</param>
    public PodAutoscalerReconciler(
        AutoscalerInformers informers,
        Func<ConfigSnapshot> config,
        Deciders deciders,
        IActivatorProbe probe,
        PodCountBoard board,
        IEventRecorder events,
        TimeProvider time
    )
        : base(AutoscalingKeys.KpaClass, informers, events, time)
    {
        _informers = informers;
        _config = config;
        _deciders = deciders;
        _probe = probe;
        _board = board;
    }

    public override string Name => "podautoscaler";

    protected override void Forget(ObjectKey key)
    {
        _deciders.Remove(key);
        _board.Remove(key);
    }

    /// <summary>
    /// Each write is a separate step: a rejected Metric or ServerlessService must not block the other, nor the scaling of the target.
    /// </summary>
    protected override async Task ReconcileAsync(AutoscalerPass pass, CancellationToken cancellation)
    {
        var snapshot = _config();
        var settings = new AutoscalerSettings(pass.Object, snapshot.Autoscaler);
        var counts = CountPods(pass);
        if (KnownService(pass) is not { Status.PrivateServiceName.Length: > 0 } service)
        {
            await pass.TryAsync(
                () => EnsureServiceAsync(pass, ServerlessServiceLifecycle.ModeProxy, LeastActivators, cancellation),
                cancellation
            );
            pass.Status = PodAutoscalerLifecycle.MarkSksNotReady(pass.Status, "No Private Service Name", pass.Now);
            if (KnownService(pass) is { } failed && ConditionSet.IsFalse(failed.Status.Conditions, ServerlessServiceLifecycle.Ready))
            {
                Observe(pass, failed);
            }

            ComputeStatus(pass, settings, -1, counts);
            return;
        }

        pass.Status = pass.Status with { MetricsServiceName = service.Status.PrivateServiceName };
        var spec = settings.ToDeciderSpec() with { IsInitializing = !PodAutoscalerLifecycle.IsScaleTargetInitialized(pass.Status) };
        var decision = _deciders.Ensure(pass.Key, spec);

        // With the activator always in the path, it has reported every request.
        var target = spec.TargetBurstCapacity == -1 ? "" : service.Status.PrivateServiceName;
        await pass.TryAsync(() => EnsureMetricAsync(pass, settings, target, cancellation), cancellation);
        var want = await ScaleAsync(pass, settings, ScaleToZeroLimits.Of(snapshot), service, decision.DesiredScale, cancellation);

        var mode =
            want > 0 && decision.ExcessBurstCapacity >= 0 ? ServerlessServiceLifecycle.ModeServe : ServerlessServiceLifecycle.ModeProxy;
        service =
            await pass.TryAsync(() => EnsureServiceAsync(pass, mode, ActivatorsFor(spec, counts.Ready), cancellation), cancellation)
            ?? service;
        pass.Status = pass.Status with { ServiceName = service.Status.ServiceName };
        Observe(pass, service);
        ComputeStatus(pass, settings, want, counts);
    }

    /// <summary>Enough activators for the capacity of the ready pods plus the target burst capacity; at least two.</summary>
    internal static int ActivatorsFor(DeciderSpec spec, int readyPods)
    {
        if (spec.TargetBurstCapacity == 0)
            return LeastActivators;
        var capacity = (readyPods * spec.TotalValue) + Math.Max(0, spec.TargetBurstCapacity);
        return (int)Math.Clamp(Math.Ceiling(capacity / spec.ActivatorCapacity), LeastActivators, int.MaxValue);
    }

    private PodCounts CountPods(AutoscalerPass pass) =>
        RevisionPods.Count(
            _informers.Pods.Lister,
            pass.Namespace,
            pass.Object.Metadata.Labels.GetValueOrDefault(ServingKeys.Revision, pass.Name)
        );

    /// <summary>Scales the target within its bounds; returns the desired scale, -1 while unknown.</summary>
    private async Task<int> ScaleAsync(
        AutoscalerPass pass,
        AutoscalerSettings settings,
        ScaleToZeroLimits limits,
        ServerlessService service,
        int desired,
        CancellationToken cancellation
    )
    {
        if (desired < 0 && !PodAutoscalerLifecycle.IsActivating(pass.Status))
            return desired;
        var least = settings.MinScale;
        if (!PodAutoscalerLifecycle.IsScaleTargetInitialized(pass.Status) && settings.IsReachable && settings.InitialScale > 1)
        {
            least = Math.Max(least, settings.InitialScale);
        }

        // The minimum takes precedence over the maximum, like the initial scale of a revision whose later limit is lower.
        desired =
            desired < least ? least
            : settings.MaxScale > 0 ? Math.Min(desired, Math.Max(least, settings.MaxScale))
            : desired;
        if (TargetOf(pass) is not { } target)
            return desired;
        var current = target.Spec?.Replicas ?? 1;
        if (desired == 0)
        {
            var step = await TowardsZeroAsync(pass, settings, limits, service, current, cancellation);
            pass.LookAgain(step.Again);
            if (!step.Apply)
                return step.Scale;
            desired = step.Scale;
        }

        if (desired != current)
        {
            await pass.TryAsync(() => PatchReplicasAsync(pass, target, desired, cancellation), cancellation);
        }

        return desired;
    }

    private async Task<ScaleStep> TowardsZeroAsync(
        AutoscalerPass pass,
        AutoscalerSettings settings,
        ScaleToZeroLimits limits,
        ServerlessService service,
        int current,
        CancellationToken cancellation
    )
    {
        var inPath = true;
        if (limits.Enabled && PodAutoscalerLifecycle.IsInactive(pass.Status))
        {
            if (current == 0)
                return new ScaleStep(0, false);
            inPath =
                settings.TargetBurstCapacity == -1 || await _probe.IsInPathAsync(pass.Namespace, pass.Status.ServiceName, cancellation);
        }

        return ScaleToZero.Decide(pass.Status, settings, service, limits, inPath, pass.Now);
    }

    /// <summary>The Deployment to scale; null, with a failure recorded in the pass, if there is none.</summary>
    private Deployment? TargetOf(AutoscalerPass pass)
    {
        var target = pass.Object.Spec.ScaleTargetRef;
        var known = target.Kind == Resources.Deployments.Kind ? _informers.Deployments.Lister.Get(pass.Namespace, target.Name) : null;
        if (known is null)
        {
            pass.Failures.Add(
                target.Kind == Resources.Deployments.Kind
                    ? new AwaitedException($"failed to get scale target {target.Name}: the Deployment is not known")
                    : new InvalidOperationException(
                        $"failed to get scale target {target.Kind} {target.Name}: only Deployments can be scaled"
                    )
            );
        }

        return known;
    }

    /// <summary>
    /// Patches with the resourceVersion that the decision was based on, so that a deposed leader cannot revert the write of a newer one.
    /// While pods start, the Deployment's status changes faster than any cache: after a conflict the newest version is read and patched
    /// once more, and after another conflict the reconcile is retried soon, because the ServerlessService and the status must not wait.
    /// Replicas changed by another client meanwhile were not part of the decision and are left to the next one.
    /// </summary>
    private static async Task PatchReplicasAsync(AutoscalerPass pass, Deployment target, int scale, CancellationToken cancellation)
    {
        try
        {
            await PatchOnceAsync(pass, target, scale, cancellation);
            return;
        }
        catch (KubernetesException refused) when (refused.IsConflict)
        {
            // The newest version is read below.
        }

        var newest = await pass.Client.GetAsync(Resources.Deployments, target.Metadata.Namespace, target.Metadata.Name, cancellation);
        if (newest.Spec?.Replicas == scale)
            return;
        try
        {
            if (newest.Metadata.Uid == target.Metadata.Uid && newest.Spec?.Replicas == target.Spec?.Replicas)
            {
                await PatchOnceAsync(pass, newest, scale, cancellation);
                return;
            }
        }
        catch (KubernetesException refused) when (refused.IsConflict)
        {
            // It changed again.
        }

        pass.LookAgain(AfterConflict);
    }

    private static async Task PatchOnceAsync(AutoscalerPass pass, Deployment target, int scale, CancellationToken cancellation)
    {
        var body = string.Create(
            CultureInfo.InvariantCulture,
            $$$"""{"metadata":{"resourceVersion":"{{{target.Metadata.ResourceVersion}}}"},"spec":{"replicas":{{{scale}}}}}"""
        );
        await pass.Client.PatchAsync(
            Resources.Deployments,
            target.Metadata.Namespace,
            target.Metadata.Name,
            new Patch(PatchType.Merge, body),
            cancellation,
            subresource: "scale"
        );
    }

    private async Task EnsureMetricAsync(
        AutoscalerPass pass,
        AutoscalerSettings settings,
        string scrapeTarget,
        CancellationToken cancellation
    ) =>
        await pass.EnsureAsync(
            Resources.Metrics,
            _informers.Metrics.Lister.Get(pass.Namespace, pass.Name),
            ChildMaker.Metric(pass.Object, settings, scrapeTarget),
            static (existing, wanted) =>
                existing with
                {
                    Spec = existing.Spec with
                    {
                        StableWindow = wanted.Spec.StableWindow,
                        PanicWindow = wanted.Spec.PanicWindow,
                        ScrapeTarget = wanted.Spec.ScrapeTarget,
                    },
                },
            cancellation
        );

    /// <summary>Copies the readiness of the ServerlessService.</summary>
    private static void Observe(AutoscalerPass pass, ServerlessService service) =>
        pass.Status = ConditionSet.Get(service.Status.Conditions, ServerlessServiceLifecycle.Ready) switch
        {
            _ when ServerlessServiceLifecycle.IsReady(service) => PodAutoscalerLifecycle.MarkSksReady(pass.Status, pass.Now),
            { Status: ConditionStatus.False } failed => PodAutoscalerLifecycle.MarkSksFailed(
                pass.Status,
                failed.Reason,
                failed.Message,
                pass.Now
            ),
            var waiting => PodAutoscalerLifecycle.MarkSksNotReady(pass.Status, waiting?.Message ?? "", pass.Now),
        };

    private void ComputeStatus(AutoscalerPass pass, AutoscalerSettings settings, int want, PodCounts counts)
    {
        // A new decider has no stats; the previous desired scale remains in effect.
        var keep = want < 0 && pass.Status.DesiredScale >= 0;
        pass.Status = pass.Status with { ActualScale = counts.Ready, DesiredScale = keep ? pass.Status.DesiredScale : want };
        if (!HasForeignChild(pass))
        {
            pass.Status = ActiveCondition.Apply(pass.Status, settings, want, counts.Ready, pass.Now);
        }

        _board.Note(pass.Object, want, counts);
    }
}
